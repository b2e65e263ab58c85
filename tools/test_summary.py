#!/usr/bin/env python3
"""Counts what ./dev test ran: test_summary.py REPORTS [SUITE...].

REPORTS holds one JUnit file of ctest per suite (SUITE.xml) and checks.txt, lines of "passed|failed|skipped NAME WHY".
Prints the failures, every reason for a skip with the number of tests it silenced, and one last line with the totals.
A suite without a report counts as failed: it never ran. Exit status 1 if anything failed.
"""
import re
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree


def skip_reason(output: str) -> str:
    """The text after GoogleTest's file:line: Skipped, or the last line of a script's output."""
    found = re.search(r"Skipped\n(.+?)(?:\n\[|\Z)", output, re.DOTALL)
    lines = (found.group(1) if found else output).strip().splitlines()
    return (lines[0] if found else lines[-1]) if lines else "no reason given"


def read_suite(reports: Path, suite: str) -> list[tuple[str, str, str]]:
    """(result, name, why) of every test of one suite."""
    try:
        cases = list(ElementTree.parse(reports / f"{suite}.xml").iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return [("failed", suite, "the suite left no report")]
    if not cases:
        return [("failed", suite, "the suite ran no test")]
    results = []
    for case in cases:
        name = f"{suite}: {case.get('name')}"
        skipped = case.find("skipped")
        chosen = skipped is not None and skipped.get("message", "").startswith("SKIP_")
        if chosen or case.get("status") == "disabled":
            results.append(("skipped", name, skip_reason(case.findtext("system-out") or "disabled")))
        elif case.get("status") != "run":  # failed, crashed, or its program is missing
            results.append(("failed", name, skipped.get("message", "") if skipped is not None else ""))
        else:
            results.append(("passed", name, ""))
    return results


def main(arguments: list[str]) -> int:
    reports = Path(arguments[0])
    results = [result for suite in arguments[1:] for result in read_suite(reports, suite)]
    if (reports / "checks.txt").exists():
        for line in (reports / "checks.txt").read_text().splitlines():
            result, name, why = (line.split(" ", 2) + [""])[:3]
            results.append((result, f"check: {name}", why))

    count = Counter(result for result, _, _ in results)
    print("\n== summary")
    for result, name, why in results:
        if result == "failed":
            print(f"FAILED {name}  {why}".rstrip())
    for why, number in Counter(why for result, _, why in results if result == "skipped").most_common():
        print(f"SKIPPED {number}: {why}")
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] or not count["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
