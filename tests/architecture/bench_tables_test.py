"""Breaks what bench/make_tables.py and bench/ratios.py promise, in a small tree of their own, and sees it reported."""

import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = "make_tables.py", "ratios.py", "results.py"
PAGE = """# Performance

Read the ratios, W1 first: a timeout of 1 s.

<!-- table: w1 -->
<!-- /table -->

<!-- table: ratios -->
<!-- /table -->
"""


def figures(keel, by_hand):
    """Three rounds of W1, where the bare operation costs 20 ns."""
    bare = {"ns": [20, 20, 20]}
    return {"workload": "w1", "rounds": 3,
            "stacks": {"keel": {"w1/bare": bare, "w1/five": {"ns": keel}},
                       "asio": {"w1/bare": bare, "w1/five": {"ns": by_hand}}}}


class bench_case(unittest.TestCase):
    """A temporary repository with a page that fits its figures."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        for name in "bench/results", "docs", "build/bench":
            (self.root / name).mkdir(parents=True)
        for name in SCRIPTS:
            shutil.copy(ROOT / "bench" / name, self.root / "bench")
        self.page = self.root / "docs/performance.md"
        self.page.write_text(PAGE, encoding="utf-8")
        self.measure(keel=[100, 110, 90], by_hand=[1020, 1120, 820])
        self.assertEqual(self.run_script("make_tables.py", "--keep").returncode, 0)

    def measure(self, keel, by_hand):
        (self.root / "build/bench/w1.json").write_text(json.dumps(figures(keel, by_hand)), encoding="utf-8")

    def run_script(self, name, *options):
        return subprocess.run([sys.executable, self.root / "bench" / name, *options], capture_output=True, text=True,
                              check=False)

    def assert_fault(self, fault):
        done = self.run_script("make_tables.py", "--check")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn(fault, done.stdout + done.stderr)

    def rewrite(self, old, new):
        text = self.page.read_text(encoding="utf-8")
        self.assertIn(old, text)
        self.page.write_text(text.replace(old, new, 1), encoding="utf-8")


class tables(bench_case):
    def test_a_page_made_of_its_figures_passes(self):
        done = self.run_script("make_tables.py", "--check")
        self.assertEqual((done.returncode, done.stdout), (0, "performance.md: 2 tables, 0 faults\n"))
        self.assertIn("| five policies | 100 (90–110) | 1,020 (820–1,120) |", self.page.read_text(encoding="utf-8"))

    def test_a_figure_typed_into_a_table_is_a_fault(self):
        self.rewrite("| 100 (90–110) |", "| 80 (70–90) |")
        self.assert_fault("table `w1` is not what bench/results gives")

    def test_figures_that_the_page_does_not_show_are_a_fault(self):
        self.measure(keel=[50, 50, 50], by_hand=[1020, 1120, 820])
        shutil.copy(self.root / "build/bench/w1.json", self.root / "bench/results")
        self.assert_fault("table `w1` is not what bench/results gives")
        self.assert_fault("table `ratios` is not what bench/results gives")

    def test_a_figure_typed_into_the_text_is_a_fault(self):
        for figure in "12 ns", "1.5 µs", "3 %", "48 bytes", "10 times":
            with self.subTest(figure=figure):
                self.rewrite("Read the ratios", f"It takes {figure}. Read the ratios")
                self.assert_fault(f"`{figure}` stands outside of the tables")
                self.rewrite(f"It takes {figure}. ", "")

    def test_a_table_without_figures_is_a_fault(self):
        self.rewrite("<!-- table: w1 -->", "<!-- table: w9 -->")
        self.assert_fault("table `w9`: 'w9' is not in")

    def test_a_name_between_pipes_keeps_the_table_whole(self):
        self.assertIn("op \\|\\| timer", self.page.read_text(encoding="utf-8"))


class goals(bench_case):
    def judged(self):
        lines = self.run_script("ratios.py").stdout.splitlines()
        return next(" ".join(line.split()) for line in lines if "/ hand-written decorators" in line)

    def test_a_ratio_is_taken_within_each_round(self):
        self.assertEqual(self.judged(), "w1 ... / hand-written decorators 0.0818 x (0.08 x to 0.0875 x) <= 0.09 x reached")

    def test_a_ratio_beyond_its_goal_is_not_reached(self):
        self.measure(keel=[220, 220, 90], by_hand=[1020, 1120, 820])
        self.assertRegex(self.judged(), "^w1 ... / hand-written decorators 0.182 x .* not reached$")

    def test_a_peer_that_is_not_here_is_not_measured(self):
        self.assertRegex(self.run_script("ratios.py").stdout, r"tower's four +- +<= 0.8 x +not measured: no tower\n")


if __name__ == "__main__":
    unittest.main()
