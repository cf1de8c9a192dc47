"""Shows that check_layers.py fails on made-up trees that break the law, and passes those that keep it."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOLS = pathlib.Path(__file__).resolve().parent
LAW = (TOOLS / "layers.txt").read_text(encoding="utf-8")


class CheckLayers(unittest.TestCase):
    def run_on(self, files, law=LAW):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in {"tools/layers.txt": law, **files}.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            done = subprocess.run([sys.executable, TOOLS / "check_layers.py", "--root", root],
                                  capture_output=True, text=True, check=False)
            return done.returncode, done.stdout + done.stderr

    def assert_breach(self, files, *words):
        code, output = self.run_on(files)
        self.assertEqual(code, 1, output)
        for word in words:
            self.assertIn(word, output)

    def assert_clean(self, files):
        code, output = self.run_on(files)
        self.assertEqual(code, 0, output)

    def test_downward_own_floor_and_face_are_clean(self):
        self.assert_clean({
            "include/dreamdb/result.h": "#include <expected>\n",
            "src/base/limits.h": '#include "dreamdb/result.h"\n',
            "src/codec/cbor.h": '#include "base/limits.h"\n',
            "src/codec/cbor.cc": '#include "codec/cbor.h"\n#include <vector>\n',
            "src/dataset/open.cc": '#include "codec/cbor.h"\n',
            "cli/args.h": "",
            "cli/main.cc": '#include "args.h"\n#include "dreamdb/result.h"\n',
        })

    def test_an_exception_holds_for_its_file_and_header_alone(self):
        law = LAW + "except src/base/a.cc poll.h\n"
        self.assertEqual(self.run_on({"src/base/a.cc": "#include <poll.h>\n"}, law)[0], 0)
        self.assertEqual(self.run_on({"src/base/b.cc": "#include <poll.h>\n"}, law)[0], 1)
        self.assertEqual(self.run_on({"src/base/a.cc": "#include <thread>\n"}, law)[0], 1)

    def test_upward_include(self):
        self.assert_breach({"src/store/store.h": "", "src/codec/cbor.h": '#include "store/store.h"\n'},
                           "src/codec/cbor.h:1", "upward", "store/store.h")

    def test_upward_include_with_spaces_and_after_a_comment(self):
        self.assert_breach({"src/store/store.h": "",
                            "src/base/a.h": '/* one\ntwo */\n  #  include  "store/store.h"\n'},
                           "src/base/a.h:3", "upward")

    def test_include_in_a_comment_does_not_count(self):
        self.assert_clean({"src/store/store.h": "",
                           "src/base/a.h": '/*\n#include "store/store.h"\n*/\n// #include <thread>\n'})

    def test_sideways_include(self):
        self.assert_breach({"src/index/a.h": "", "src/stream/b.h": '#include "index/a.h"\n'},
                           "sideways", "siblings")

    def test_tests_obey_the_floors_too(self):
        self.assert_breach({"src/store/store.h": "",
                            "src/codec/cbor_test.cc": '#include "store/store.h"\n'}, "upward")

    def test_floor_that_includes_the_program(self):
        self.assert_breach({"cli/args.h": "", "src/dataset/a.cc": '#include "cli/args.h"\n'},
                           "in neither src/ nor include/")

    def test_face_that_includes_the_inside(self):
        self.assert_breach({"src/base/a.h": "", "include/dreamdb/x.h": '#include "base/a.h"\n'},
                           "face may include only itself")

    def test_cycle_between_files_of_one_floor(self):
        self.assert_breach({"src/base/a.h": '#include "base/b.h"\n',
                            "src/base/b.h": '#include "base/c.h"\n',
                            "src/base/c.h": '#include "base/a.h"\n'},
                           "cycle: src/base/a.h -> src/base/b.h -> src/base/c.h -> src/base/a.h")

    def test_file_that_includes_itself(self):
        self.assert_breach({"src/base/a.h": '#include "base/a.h"\n'}, "cycle")

    def test_diamond_is_no_cycle(self):
        self.assert_clean({"src/base/a.h": '#include "base/b.h"\n#include "base/c.h"\n',
                           "src/base/b.h": '#include "base/d.h"\n',
                           "src/base/c.h": '#include "base/d.h"\n', "src/base/d.h": ""})

    def test_long_chain_does_not_exhaust_the_stack(self):
        files = {f"src/base/f{i}.h": f'#include "base/f{i + 1}.h"\n' for i in range(3000)}
        files["src/base/f3000.h"] = ""
        self.assert_clean(files)

    def test_pure_wing_that_uses_threads_files_or_time(self):
        for header in ("thread", "chrono", "random", "fstream", "sys/mman.h", "unistd.h"):
            self.assert_breach({"src/plan/a.cc": f"#include <{header}>\n"}, "pure wing", header)

    def test_pure_wing_that_reaches_threads_through_the_face(self):
        self.assert_breach({"include/dreamdb/a.h": '#include "dreamdb/b.h"\n',
                            "include/dreamdb/b.h": "#include <thread>\n",
                            "src/format/x.cc": '#include "dreamdb/a.h"\n'},
                           "src/format/x.cc:1", "include/dreamdb/b.h:1")

    def test_world_wing_and_pure_tests_may_use_them(self):
        self.assert_clean({"src/runtime/pool.cc": "#include <thread>\n",
                           "src/codec/cbor_test.cc": "#include <random>\n"})

    def test_own_header_in_angle_brackets(self):
        self.assert_breach({"src/base/a.h": "", "src/codec/b.h": "#include <base/a.h>\n"}, "in quotes")

    def test_header_without_its_floor(self):
        self.assert_breach({"src/base/a.h": "", "src/base/b.h": '#include "a.h"\n'}, "floor/file.h")

    def test_file_on_no_floor(self):
        self.assert_breach({"src/attic/a.h": ""}, "lies on no floor")

    def test_law_that_cannot_be_read(self):
        code, output = self.run_on({}, law="purest base\n")
        self.assertEqual(code, 1)
        self.assertIn("layers.txt:1", output)


if __name__ == "__main__":
    unittest.main()
