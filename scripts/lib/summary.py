"""Adds up JUnit files: prints what failed, why what was skipped was skipped, and "N passed, M failed, K skipped".

Exit code 1 when a test or a step of scripts/test failed.
"""

import collections
import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def outcome(case):
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
        return "skipped"
    return "passed"


def reason(case):
    skipped = case.find("skipped")
    text = (case.findtext("system-out") or "") if skipped is None else (skipped.get("message") or "")
    return text.strip().splitlines()[-1] if text.strip() else "no reason given"


def main():
    folder, failed_steps = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    counts = collections.Counter()
    for file in sorted(folder.glob("*.xml")):
        for case in ElementTree.parse(file).getroot().iter("testcase"):
            result = outcome(case)
            counts[result] += 1
            name = f"{file.stem}: {case.get('classname', '')} {case.get('name')}"
            if result == "failed":
                print(f"FAILED  {name}")
            elif result == "skipped":
                print(f"skipped {name}: {reason(case)}")
    failed = counts["failed"] or failed_steps
    print(f"{counts['passed']} passed, {max(counts['failed'], failed_steps and 1)} failed, {counts['skipped']} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
