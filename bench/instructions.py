#!/usr/bin/env python3
"""Instructions per operation under callgrind: instructions.py [--rows REGEX] [--programs DIR]

Time moves with a neighbour and with where the linker put the code; instructions do not. Each benchmark runs twice,
with few and with more iterations; the difference has neither start-up nor warm-up in it. Needs valgrind
(cmake/install_packages.sh callgrind). Writes build/bench/instructions.json.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import results

# Iterations of the two runs. One iteration of W1h and W4 is a crowd of callers, of W3 a population.
SINGLE, CROWD = (1_000, 6_000), (1, 2)
ITERATIONS = {"w1": SINGLE, "w1h": CROWD, "w2": SINGLE, "w3": CROWD, "w4": CROWD, "w5": SINGLE}

# Threads are not single-threaded work, a system call is not counted, and the larger populations take too long.
ROWS = r"w1/(?!hop).*|w1h/.*(?<!alone)|w2/.*|w3/(timer|call|call_five)/10000|w4/.*|w5/.*/10000"


def rows_of(program, pattern):
    """Plain name -> the name by which the program knows it."""
    done = subprocess.run([program, "--benchmark_list_tests=true"], capture_output=True, text=True, check=True)
    known = {results.SUFFIX.sub("", name): name for name in done.stdout.split() if "real_time" not in name}
    return {plain: name for plain, name in known.items() if re.fullmatch(pattern, plain)}


def run(program, row, iterations):
    """Instructions of the whole program, and the operations that it measured."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(program),
               f"--benchmark_filter=^{row}(/iterations:[0-9]+)?(/manual_time)?$", "--benchmark_format=json"]
    done = subprocess.run(command, capture_output=True, text=True,
                          env={**os.environ, "KEEL_BENCH_ITERATIONS": str(iterations)})
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"{row} under callgrind ended with {done.returncode}:\n{done.stderr[-2000:]}")
    (benchmark,) = json.loads(done.stdout)["benchmarks"]
    return int(found[1]), benchmark["operations"]


def per_operation(program, row):
    few, many = ITERATIONS[row.split("/")[0]]
    small, large = run(program, row, few), run(program, row, many)
    return (large[0] - small[0]) / (large[1] - small[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default=ROWS)
    parser.add_argument("--programs", type=Path, default=results.PROGRAMS)
    options = parser.parse_args()
    stacks = {}
    for stack in ("keel", "asio"):
        program = options.programs / f"{stack}_bench"
        for row in rows_of(program, options.rows):
            count = per_operation(program, row)
            results.add(stacks, stack, {row: {"instructions": count}})
            print(f"{stack}\t{row}\t{count:.0f}", flush=True)
    results.write("instructions", {"workload": "instructions", "rounds": 1, "stacks": stacks})


if __name__ == "__main__":
    main()
