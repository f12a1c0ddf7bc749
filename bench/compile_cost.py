#!/usr/bin/env python3
"""What a user's translation unit costs to compile with Keel and without: compile_cost.py [--rounds 3]

Compiles bench/compile/keel.cpp and asio.cpp in turn with $CXX (c++) -O2 and writes build/bench/compile.json.
Seconds are those of the processor, user and system: they hardly move when the machine is shared.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
COMPILER = shlex.split(os.environ.get("CXX", "c++"))


def compile_once(stack):
    command = [*COMPILER, "-std=c++20", "-O2", f"-I{ROOT / 'include'}", "-c", str(HERE / "compile" / f"{stack}.cpp"),
               "-o", os.devnull]
    child = subprocess.Popen(command)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"failed: {shlex.join(command)}")
    return {"seconds": used.ru_utime + used.ru_stime}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    stacks = {stack: {"compile/unit": {"seconds": []}} for stack in ("keel", "asio")}
    for _ in range(rounds):
        for stack, rows in stacks.items():
            for unit, value in compile_once(stack).items():
                rows["compile/unit"][unit].append(value)
    out = ROOT / "build" / "bench" / "compile.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"workload": "compile", "rounds": rounds, "stacks": stacks}, indent=1) + "\n")
    for stack, rows in stacks.items():
        print(f"compile: {stack}: {median(rows['compile/unit']['seconds']):.2f} s")


if __name__ == "__main__":
    main()
