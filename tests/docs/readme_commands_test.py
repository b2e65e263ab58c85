#!/usr/bin/env python3
"""Runs every ```sh block of README.md and docs/*.md, in order, each document in a scratch directory of its own.

A block must exit 0. An HTML comment on the line before it changes that:

    <!-- norun: REASON -->   not run
    <!-- exit: N -->         must exit N
    <!-- needs: data -->     needs real data (DYADIC_DATA); `needs: numpy` needs NumPy. Skipped, loudly, without.

The built program, found by DYADIC_PROGRAM, is first on PATH; recipes/ and tools/ are linked into the scratch directory.
Exit status 0, 1, or 77 if blocks were skipped for want of something.
"""
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BLOCK_SECONDS = 300
BLOCK = re.compile(r"^(?:<!-- (?P<key>\w+): (?P<value>[^\n]*?) -->\n)?```sh\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
KEYS = {"norun", "exit", "needs"}


@dataclass
class Block:
    where: str
    code: str
    key: str
    value: str

    @property
    def wanted_status(self) -> int:
        return int(self.value) if self.key == "exit" else 0

    def missing(self) -> str:
        """What this block needs and the machine lacks; empty if nothing."""
        if self.key != "needs":
            return ""
        if self.value == "data":
            found = (Path(os.environ.get("DYADIC_DATA", "")) / "mnist").is_dir()
            return "" if found else "real data: set DYADIC_DATA"
        return "" if importlib.util.find_spec(self.value) else f"the Python module {self.value}"


def read_blocks(path: Path) -> list[Block]:
    text = path.read_text()
    blocks = []
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("code")) + 1
        where = f"{os.path.relpath(path, ROOT)}:{line}"
        if found["key"] and found["key"] not in KEYS:
            raise SystemExit(f"{where}: '{found['key']}' is none of {', '.join(sorted(KEYS))}")
        blocks.append(Block(where, found["code"], found["key"] or "", found["value"] or ""))
    return blocks


def run_block(block: Block, directory: Path, environment: dict[str, str]) -> str:
    """The complaint, or an empty string."""
    try:
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", block.code], cwd=directory, env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=BLOCK_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"took more than {BLOCK_SECONDS} s"
    if done.returncode != block.wanted_status:
        return f"exit status {done.returncode}, not {block.wanted_status}\n{done.stdout[-3000:]}"
    return ""


def main() -> int:
    program = Path(os.environ.get("DYADIC_PROGRAM", ROOT / "build/release/dyadic")).resolve()
    if not program.exists():
        print(f"{program} does not exist: build it, or set DYADIC_PROGRAM")
        return 1
    path = os.pathsep.join([str(program.parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    failures, skipped, ran = [], [], 0
    documents = [Path(name).resolve() for name in sys.argv[1:]] or [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
    for document in documents:
        with tempfile.TemporaryDirectory(prefix="dyadic-docs-") as name:
            scratch = Path(name)
            for folder in ("recipes", "tools"):
                (scratch / folder).symlink_to(ROOT / folder)
            for block in read_blocks(document):
                if block.key == "norun":
                    print(f"{block.where}: not run: {block.value}")
                    continue
                if missing := block.missing():
                    skipped.append(f"{block.where}: skipped for want of {missing}")
                    print(skipped[-1])
                    continue
                complaint = run_block(block, scratch, environment)
                ran += 1
                print(f"{block.where}: {complaint or 'ok'}", flush=True)
                if complaint:
                    failures.append(block.where)
    print(f"{ran} blocks ran, {len(failures)} failed, {len(skipped)} skipped for want of something")
    if failures:
        return 1
    if not ran:
        print("no block ran: the convention is broken")
        return 1
    if skipped:
        print(f"{len(skipped)} documented commands not run; the first: {skipped[0]}")
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
