#!/usr/bin/env python3
"""The tidy check must see red: each test makes a small tree with one fault in it."""
import pathlib
import tempfile
import unittest

import tidy


class TidyTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name)
        self.write("src/FLOORS", "0 base\n1 layout wire\n2 spec\n")
        for name in ("base", "layout", "wire", "spec"):
            self.write(f"src/{name}/README.md", "# what it is\n")
        self.write("src/layout/CMakeLists.txt", "celere_folder(layout SOURCES thing.cpp)\n")
        self.write("src/layout/thing.cpp", '#include "base/units.hpp"\n\nint one() {\n  return 1;\n}\n')

    def tearDown(self):
        self.folder.cleanup()

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def faults(self):
        return tidy.Checker(self.root).run()

    def sees(self, text):
        faults = self.faults()
        self.assertEqual(len(faults), 1, faults)
        self.assertIn(text, faults[0])

    def test_a_clean_tree_has_no_fault(self):
        self.assertEqual(self.faults(), [])

    def test_include_upwards(self):
        self.write("src/layout/thing.cpp", '#include "spec/run.hpp"\n')
        self.sees("upwards")

    def test_include_sideways(self):
        self.write("src/layout/thing.cpp", '#include "wire/log.hpp"\n')
        self.sees("sideways")

    def test_folder_on_no_floor(self):
        self.write("src/attic/old.hpp", "\n")
        self.write("src/attic/README.md", "\n")
        self.sees("stands on no floor")

    def test_long_file(self):
        self.write("src/layout/thing.cpp", "\n" * 501)
        self.sees("501 lines")

    def test_long_line(self):
        self.write("src/layout/thing.cpp", "// " + "x" * 98 + "\n")
        self.sees("101 columns")

    def test_long_function(self):
        self.write("src/layout/thing.cpp", "int long_one() {\n" + "  work();\n" * 69 + "}\n")
        self.sees("a function of 71 lines")

    def test_constructor_ends_at_its_brace(self):
        thing = "Thing::Thing(int a)\n    : a_(a) {\n" + "  work();\n" * 60 + "}\n"
        rest = "int other() {\n  for (;;) {\n" + "    work();\n" * 20 + "    }\n}\n"
        self.write("src/layout/thing.cpp", thing + rest)
        self.assertEqual(self.faults(), [])
        self.write("src/layout/thing.cpp", thing.replace("  work();\n", "  work();\n" * 2) + rest)
        self.sees("a function of 122 lines")

    def test_source_that_nothing_builds(self):
        self.write("src/layout/lost_test.cpp", "\n")
        self.sees("no CMakeLists.txt builds this")

    def test_folder_without_readme(self):
        (self.root / "src/wire/README.md").unlink()
        self.sees("without its README.md")

    def test_leftover_marker(self):
        self.write("src/layout/thing.cpp", "// TO" + "DO: later\n")
        self.sees("leftover marker")

    def test_banned_call(self):
        self.write("src/layout/thing.cpp", "int n = std::rand();\n")
        self.sees("std::rand is banned")

    def test_printing_below_cli(self):
        self.write("src/layout/thing.cpp", 'void f() { printf("x"); }\n')
        self.sees("nothing prints")

    def test_command_in_the_docs_that_does_not_exist(self):
        self.write("README.md", "`celere dance`\n")
        self.sees("no verb dance")

    def test_file_in_the_docs_that_does_not_exist(self):
        self.write("README.md", "see examples/none.toml\n")
        self.sees("does not exist")


if __name__ == "__main__":
    unittest.main()
