#!/usr/bin/env python3
"""The transcript runner must see red."""
import pathlib
import tempfile
import unittest

import golden


class GoldenTest(unittest.TestCase):
    def passes(self, text):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "transcript.txt"
            path.write_text(text, encoding="utf-8")
            return golden.main(path, pathlib.Path(folder), False) == 0

    def test_what_is_printed_passes(self):
        self.assertTrue(self.passes("# a comment\n$ echo one; echo two\none\ntwo\n"))

    def test_another_line_fails(self):
        self.assertFalse(self.passes("$ echo one\ntwo\n"))

    def test_a_missing_line_fails(self):
        self.assertFalse(self.passes("$ echo one; echo two\none\n"))

    def test_the_exit_code_counts(self):
        self.assertFalse(self.passes("$ false\n"))
        self.assertTrue(self.passes("$ false\n? 1\n"))

    def test_wildcards(self):
        self.assertTrue(self.passes("$ seq 5\n1\n...\n5\n"))
        self.assertTrue(self.passes("$ echo took 12 s\ntook ... s\n"))
        self.assertFalse(self.passes("$ seq 5\n1\n...\n6\n"))


if __name__ == "__main__":
    unittest.main()
