#!/usr/bin/env python3
"""Rules of the tree that no compiler checks. Prints each breach as FILE[:LINE]: what, and exits 1 if there is one.

 - no path of the machine it was written on
 - no source above 1000 lines (above 600 is a warning)
 - every test lies where tests/CMakeLists.txt looks: tests/FOLDER/NAME_test.{cc,py}
 - every TOML file parses
 - nothing binary but docs/images/*.png and small fixtures in a test folder whose README.md says how they were made
 - the folders of dyadic/ are layers: no cycle among their includes, and none of them includes cli/ or tests/
 - no file but dyadic/data/download*.cc reaches for the network
 - relative links in Markdown lead to files that exist
"""
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = {".h", ".cc", ".py", ".sh", ".cmake"}
MACHINE_PATH = re.compile(r"""(?:^|[\s"'=(:`])/(?:home|root|work|tmp|mnt|Users)/""")
NETWORK = re.compile(r"#include <(curl/|sys/socket\.h|netdb\.h|netinet/)")
MAX_FIXTURE_BYTES = 64 * 1024
# Headers that hold names only and include nothing of dyadic: every folder may use them.
VOCABULARY = {"dyadic/nn/role.h"}


def files() -> list[Path]:
    """Tracked files, and new ones that git does not ignore."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return [Path(name) for name in sorted(set(names)) if name and (ROOT / name).is_file()]


def text_breaches(path: Path, text: str) -> list[str]:
    lines = text.splitlines()
    breaches = [f"{path}:{number}: path of one machine: {line.strip()[:100]}"
                for number, line in enumerate(lines, 1) if MACHINE_PATH.search(line)]
    if path.parts[0] in {"dyadic", "cli"} and NETWORK.search(text) and not path.match("dyadic/data/download*.cc"):
        breaches.append(f"{path}: uses the network; only dyadic/data/download*.cc may")
    if path.suffix in SOURCES:
        if len(lines) > 1000:
            breaches.append(f"{path}: {len(lines)} lines; split it")
        elif len(lines) > 600:
            print(f"warning: {path}: {len(lines)} lines")
    if path.parts[0] == "tests" and re.search(r"_test\.(cc|py)$", path.name) and len(path.parts) != 3:
        breaches.append(f"{path}: tests/CMakeLists.txt does not look here; use tests/FOLDER/{path.name}")
    if path.suffix == ".toml":
        try:
            tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            breaches.append(f"{path}: {error}")
    if path.suffix == ".md":
        without_code = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", without_code):
            if not re.match(r"[a-z]+:|#", target) and not (ROOT / path.parent / target.split("#")[0]).exists():
                breaches.append(f"{path}: link to {target}, which does not exist")
    return breaches


def binary_breaches(path: Path) -> list[str]:
    if path.match("docs/images/*.png"):
        return []
    is_fixture = path.parts[0] == "tests" and (ROOT / path.parent / "README.md").exists()
    if is_fixture and (ROOT / path).stat().st_size <= MAX_FIXTURE_BYTES:
        return []
    return [f"{path}: binary; a test fixture is at most {MAX_FIXTURE_BYTES} bytes beside a README.md on how it was made"]


def layer_breaches(texts: dict[Path, str]) -> list[str]:
    uses: dict[str, set[str]] = defaultdict(set)
    breaches = []
    for path, text in texts.items():
        if path.parts[0] != "dyadic" or path.suffix not in {".h", ".cc"}:
            continue
        for included in re.findall(r'^\s*#include "([^"]+)"', text, re.MULTILINE):
            parts = Path(included).parts
            if parts[0] in {"cli", "tests", "bench"}:
                breaches.append(f"{path}: the library includes {included}")
            elif parts[0] == "dyadic" and parts[1] != path.parts[1] and included not in VOCABULARY:
                uses[path.parts[1]].add(parts[1])
    remaining = {folder: set(used) for folder, used in uses.items()}
    while True:  # take away folders that use none of the rest; what stays lies on a cycle
        free = [folder for folder, used in remaining.items() if not used & remaining.keys()]
        if not free:
            break
        for folder in free:
            del remaining[folder]
    if remaining:
        cycle = "; ".join(f"{folder} -> {' '.join(sorted(used & remaining.keys()))}"
                          for folder, used in sorted(remaining.items()))
        breaches.append(f"dyadic: folders include each other: {cycle}")
    return breaches


def main() -> int:
    breaches = []
    texts = {}
    for path in files():
        data = (ROOT / path).read_bytes()
        try:
            if b"\0" in data:
                raise ValueError
            texts[path] = data.decode("utf-8")
        except ValueError:
            breaches += binary_breaches(path)
    for path, text in texts.items():
        breaches += text_breaches(path, text)
    breaches += layer_breaches(texts)
    for breach in breaches:
        print(breach)
    print(f"{len(texts)} text files, {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
