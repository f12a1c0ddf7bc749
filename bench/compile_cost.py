#!/usr/bin/env python3
"""What a user's translation unit costs to compile with Keel and without: compile_cost.py [--rounds 3]

Compiles bench/compile/keel.cpp and asio.cpp in turn with $CXX (c++) -O2 and writes build/bench/compile.json.
Seconds are those of the processor, user and system: they hardly move when the machine is shared.
"""

import argparse
import os
import shlex
import subprocess
import sys
from statistics import median

import results

COMPILER = shlex.split(os.environ.get("CXX", "c++"))


def compile_once(stack):
    unit = results.ROOT / "bench" / "compile" / f"{stack}.cpp"
    command = [*COMPILER, "-std=c++20", "-O2", f"-I{results.ROOT / 'include'}", "-c", str(unit), "-o", os.devnull]
    child = subprocess.Popen(command, env={**os.environ, "CCACHE_DISABLE": "1"})
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"failed: {shlex.join(command)}")
    return {"compile/unit": {"seconds": used.ru_utime + used.ru_stime}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    stacks = {}
    for _ in range(rounds):
        for stack in ("keel", "asio"):
            results.add(stacks, stack, compile_once(stack))
    results.write("compile", {"workload": "compile", "rounds": rounds, "stacks": stacks})
    shown = ", ".join(f"{stack} {median(rows['compile/unit']['seconds']):.2f} s" for stack, rows in stacks.items())
    print(f"compile: {shown}")


if __name__ == "__main__":
    main()
