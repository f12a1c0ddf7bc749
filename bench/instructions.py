#!/usr/bin/env python3
"""Instructions per operation under callgrind: instructions.py [--rows REGEX] [--programs DIR]

Time moves with a neighbour and with where the linker put the code; instructions do not. Each benchmark of W1 runs
twice, with 1,000 and with 6,000 iterations; the difference has neither start-up nor warm-up in it. Needs valgrind
(cmake/install_packages.sh callgrind). Prints a table and writes build/bench/instructions/w1.json.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FEW, MANY = 1_000, 6_000


def names(program, pattern):
    listed = subprocess.run([program, "--benchmark_list_tests=true"], capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split() if re.fullmatch(pattern, name)]


def instructions(program, name, iterations):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(program),
               f"--benchmark_filter=^{name}$"]
    done = subprocess.run(command, capture_output=True, text=True,
                          env={**os.environ, "KEEL_BENCH_ITERATIONS": str(iterations)})
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"{name} under callgrind ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return int(found[1])


def per_operation(program, name):
    plain = re.sub(r"/iterations:\d+$", "", name)
    pattern = f"{plain}(/iterations:[0-9]+)?"
    return (instructions(program, pattern, MANY) - instructions(program, pattern, FEW)) / (MANY - FEW)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default=r"w1/(?!threads|hop).*|w2/(value|try_acquire)")
    parser.add_argument("--programs", type=Path, default=ROOT / "build" / "release" / "bench")
    options = parser.parse_args()
    result = {}
    for stack in ("keel", "asio"):
        program = options.programs / f"{stack}_bench"
        for name in names(program, options.rows):
            if name.endswith("/real_time"):
                continue
            count = per_operation(program, name)
            result.setdefault(stack, {})[name] = count
            print(f"{stack}\t{name}\t{count:.0f}", flush=True)
    out = ROOT / "build" / "bench" / "instructions"
    out.mkdir(parents=True, exist_ok=True)
    (out / "w1.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
