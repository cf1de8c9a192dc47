"""Shows that cases.py counts what ctest and pytest report, and takes no failure for a skip."""

import pathlib
import tempfile
import unittest

from cases import FAILED, PASSED, SKIPPED, read_junit

CTEST = """<testsuite name="x">
<testcase name="base.A.ok" classname="base.A.ok" status="run"><system-out>fine</system-out></testcase>
<testcase name="base.A.bad" classname="base.A.bad" status="fail"><failure message="Failed"/></testcase>
<testcase name="base.A.later" classname="base.A.later" status="notrun">
<skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>
<system-out>/x/a_test.cc:7: Skipped
needs a second disk

[  SKIPPED ] A.later (0 ms)</system-out></testcase>
<testcase name="base_test_NOT_BUILT" classname="base_test_NOT_BUILT" status="notrun">
<skipped message="Unable to find executable"/></testcase>
<testcase name="base.A.off" classname="base.A.off" status="disabled"/>
</testsuite>"""

PYTEST = """<testsuites><testsuite name="pytest">
<testcase classname="tests.python.test_a" name="test_ok"/>
<testcase classname="tests.python.test_a" name="test_bad"><failure message="assert 1 == 2&#10;more">x</failure></testcase>
<testcase classname="tests.python.test_a" name="test_setup"><error message="failed on setup">x</error></testcase>
<testcase classname="tests.python.test_a" name="test_no"><skipped type="pytest.skip" message="no disk"/></testcase>
</testsuite></testsuites>"""


class ReadJunit(unittest.TestCase):
    def read(self, text):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "report.xml"
            path.write_text(text, encoding="utf-8")
            return [(case.name, case.outcome, case.reason) for case in read_junit(path)]

    def test_ctest(self):
        self.assertEqual(self.read(CTEST), [
            ("base.A.ok", PASSED, ""),
            ("base.A.bad", FAILED, "Failed"),
            ("base.A.later", SKIPPED, "needs a second disk"),
            ("base_test_NOT_BUILT", FAILED, "Unable to find executable"),
            ("base.A.off", SKIPPED, "disabled in the source"),
        ])

    def test_pytest(self):
        self.assertEqual(self.read(PYTEST), [
            ("tests.python.test_a.test_ok", PASSED, ""),
            ("tests.python.test_a.test_bad", FAILED, "assert 1 == 2"),
            ("tests.python.test_a.test_setup", FAILED, "failed on setup"),
            ("tests.python.test_a.test_no", SKIPPED, "no disk"),
        ])


if __name__ == "__main__":
    unittest.main()
