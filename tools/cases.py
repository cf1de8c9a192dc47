"""What one test came to, and how to read that from the reports of ctest and pytest."""

import re
import xml.etree.ElementTree
from dataclasses import dataclass

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"

# GoogleTest's own words for a skip: "file:line: Skipped", then the reason.
GTEST_SKIP = re.compile(r": Skipped\n(.+)")


@dataclass
class Case:
    name: str
    outcome: str
    reason: str = ""


def case_of(node):
    """The case of one <testcase> of a JUnit report, as ctest 3.25 and pytest 9 write it."""
    name = ".".join(filter(None, [node.get("classname"), node.get("name")]))
    if node.get("classname") == node.get("name"):
        name = node.get("name")
    output = node.findtext("system-out") or ""
    for wrong in (node.find("failure"), node.find("error")):
        if wrong is not None or node.get("status") == "fail":
            message = wrong.get("message") if wrong is not None else ""
            return Case(name, FAILED, (message or "see its output above").split("\n")[0])
    skip = node.find("skipped")
    if skip is not None:
        message = skip.get("message") or ""
        # ctest calls a program that it could not start "not run", too: that is no skip.
        if node.get("status") == "notrun" and not message.startswith("SKIP_"):
            return Case(name, FAILED, message or "could not be run")
        found = GTEST_SKIP.search(output)
        return Case(name, SKIPPED, found.group(1).strip() if found else message or "no reason given")
    if node.get("status") == "disabled":
        return Case(name, SKIPPED, "disabled in the source")
    return Case(name, PASSED)


def read_junit(path):
    return [case_of(node) for node in xml.etree.ElementTree.parse(path).iter("testcase")]
