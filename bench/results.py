"""Where figures are kept: one JSON file per workload, each figure a list with one value per round.

build/bench has those of the last run; bench/results has those that docs/performance.md shows.
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAST = ROOT / "build" / "bench"
KEPT = ROOT / "bench" / "results"
PROGRAMS = ROOT / "build" / "release" / "bench"

LIST_OF_NUMBERS = re.compile(r"\[\s+([-+.\de,\s]+?)\s+\]")

# What Google Benchmark adds to a name.
SUFFIX = re.compile(r"/(real_time|manual_time|iterations:\d+)\b")


def write(name, content):
    """Writes build/bench/NAME.json, a figure per line."""
    LAST.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=1)
    text = LIST_OF_NUMBERS.sub(lambda found: "[" + " ".join(found[1].split()) + "]", text)
    (LAST / f"{name}.json").write_text(text + "\n")


def add(stacks, stack, rows):
    """Adds the rows of one round, row -> unit -> value, to those of the rounds before."""
    for name, row in rows.items():
        for unit, value in row.items():
            units = stacks.setdefault(stack, {}).setdefault(name, {})
            units.setdefault(unit, []).append(float(f"{value:.5g}"))  # more digits are noise


def read_all(folder):
    """workload -> what its file says."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(Path(folder).glob("*.json"))}
