"""Shows that every mutation still has its place in the code, and names a test program that there is."""

import re
import unittest

from mutate import ROOT, load_mutations


class Mutations(unittest.TestCase):
    def test_each_stands_once_in_its_file(self):
        for one in load_mutations():
            with self.subTest(one.name):
                text = (ROOT / one.file).read_text(encoding="utf-8")
                self.assertEqual(text.count(one.old), 1)
                self.assertNotEqual(one.old, one.new)

    def test_names_differ_and_attack_invariants(self):
        mutations = load_mutations()
        self.assertEqual(len({one.name for one in mutations}), len(mutations))
        self.assertGreaterEqual(len(mutations), 25)
        for one in mutations:
            for invariant in one.attacks.split():
                self.assertRegex(invariant, r"^I([1-9]|1\d|20)$")

    def test_their_programs_are_built(self):
        floors = re.findall(r"dreamdb_(?:floor|tests)\(\s*(\w+)", "\n".join(
            path.read_text(encoding="utf-8") for folder in ("src", "tests")
            for path in (ROOT / folder).rglob("CMakeLists.txt")))
        for one in load_mutations():
            self.assertIn(one.test.removesuffix("_test"), floors)


if __name__ == "__main__":
    unittest.main()
