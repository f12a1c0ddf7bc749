"""Makes every mistake that matrix.py knows once, in a small matrix of its own, and sees it reported."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent / "matrix.py"

MATRIX = """columns: gate, loop
table one: Promises
row A: Kept by a law.
  laws: first_law
row B: Shown by a test.
  gate: some.test
  loop -: it has no door
row C: Shown by nothing for one of them.
  gate: many.values
  gap loop: nobody has looked
"""
DOCUMENT = "# Page\n<!-- laws -->\n<!-- /laws -->\ntext\n<!-- matrix -->\n<!-- /matrix -->\nend\n"
TABLE = "law\tfirst_law\tIt holds.\nfound\tgate\tform\tfirst_law\theld\t\nfound\tloop\tform\tfirst_law\t-\tno queue\n"
CTEST = "  Test   #1: some.test\n  Test #2: both/many.values/1\n"


class matrix(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.write("matrix.txt", MATRIX)
        self.write("page.md", DOCUMENT)
        self.program("ctest", CTEST)
        self.program("table", TABLE)
        self.assertEqual(self.run_script("--fix").returncode, 0)

    def write(self, name, text):
        (self.root / name).write_text(text, encoding="utf-8")

    def read(self, name):
        return (self.root / name).read_text(encoding="utf-8")

    def program(self, name, output, status=0):
        self.write(name, f"#!{sys.executable}\nprint({output!r}, end='')\nraise SystemExit({status})\n")
        (self.root / name).chmod(0o755)

    def run_script(self, *options):
        path = f"{self.root}{os.pathsep}{os.environ.get('PATH', '')}"
        return subprocess.run([sys.executable, SCRIPT, *options, self.root / "matrix.txt", self.root / "page.md",
                               self.root / "table", self.root], capture_output=True, text=True, check=False,
                              env={**os.environ, "PATH": path})

    def assert_fault(self, fault):
        done = self.run_script()
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn(fault, done.stdout + done.stderr)

    def test_a_page_that_is_right_stays_as_it_is(self):
        before = self.read("page.md")
        done = self.run_script()
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(self.read("page.md"), before)
        self.assertIn("matrix: 1 gaps, 0 faults", done.stdout)
        for line in ("1 gap.", "| A | Kept by a law. | held | - |", "| B | Shown by a test. | 1 | - |",
                     "| C | Shown by nothing for one of them. | 1 | *gap* |", "- A, loop: no queue.",
                     "- B, loop: it has no door.", "- C, loop: nobody has looked.", "| `first_law` | It holds. |"):
            self.assertIn(line, before.splitlines())

    def test_a_page_that_says_something_else(self):
        self.write("page.md", self.read("page.md").replace("1 gap.", "0 gaps."))
        self.assert_fault("page.md does not show this matrix")

    def test_a_test_that_does_not_exist(self):
        self.program("ctest", "  Test #1: other.test\n  Test #2: both/many.values/1\n")
        self.assert_fault("row B, gate: no test `some.test`")

    def test_a_law_that_is_broken(self):
        self.program("table", TABLE.replace("held\t", "BROKEN\tit leaks"), 1)
        self.assert_fault("gate, form: first_law is broken: it leaks")

    def test_a_law_that_nobody_needs(self):
        self.program("table", TABLE + "law\tsecond_law\tIt holds too.\n")
        self.assert_fault("law `second_law` is in no row")

    def test_a_law_that_does_not_exist(self):
        self.write("matrix.txt", MATRIX.replace("first_law", "last_law"))
        self.assert_fault("row A: no law `last_law`")

    def test_a_program_that_fails(self):
        self.program("table", "", 3)
        self.assert_fault("ended with 3")

    def test_a_column_that_does_not_exist(self):
        self.write("matrix.txt", MATRIX.replace("  gate: some.test", "  door: some.test"))
        self.assert_fault("matrix.txt:6: no column `door`; there are gate, loop")

    def test_a_row_of_a_name_that_is_taken(self):
        self.write("matrix.txt", MATRIX.replace("row B:", "row A:"))
        self.assert_fault("matrix.txt:5: a second row `A`")

    def test_a_line_that_says_nothing(self):
        self.write("matrix.txt", MATRIX + "something else\n")
        self.assert_fault("neither a row nor what belongs to one: `something else`")

    def test_a_page_without_a_place_for_it(self):
        self.write("page.md", "# Page\n")
        self.assert_fault("the document has no part from `<!-- laws -->`")


if __name__ == "__main__":
    unittest.main()
