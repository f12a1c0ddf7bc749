#!/usr/bin/env python3
"""Runs the workloads in all stacks, in turn, and writes build/bench/<workload>.json.

    measure.py [--rounds 5] [--seconds 3600] [--stacks keel,asio,tower,go,node] [--workloads w1,w1h,w2,w3,w4,w5]
               [--programs DIR]

Within a workload the stacks take turns: keel, tower, asio, go, node, then the next workload, then all again; so what
disturbs the machine for a while disturbs all of them. Each program warms up before it measures. No round is begun that
would probably end later than after --seconds. A stack that cannot be built or run is left out, with the reason, which
the file keeps.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import results

OUT = results.LAST

WORKLOADS = ["w1", "w1h", "w2", "w3", "w4", "w5"]
STACKS = ["keel", "tower", "asio", "go", "node"]
PEERS = {"tower": "rust-tower", "go": "go", "node": "node"}
NOTHING_IN = {("tower", "w5"): "tower has no breaker"}

FIELDS = {"allocs", "alloc_bytes", "requested_bytes", "bytes", "node_bytes", "arm_ns", "disarm_ns"}

LONGEST_RUN = 300  # seconds


class Unavailable(Exception):
    """A stack that cannot be built or run; says why."""


def last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no message"


def run(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_RUN)
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise Unavailable(str(failure)) from failure
    if done.returncode != 0:
        raise Unavailable(f"{Path(command[0]).name} ended with {done.returncode}: {last_line(done.stderr)}")
    return done.stdout


def prepare(stack, programs):
    """The function (workload, round) -> rows of a stack, which it builds if it must."""
    if stack in PEERS:
        folder = OUT / "peers" / stack
        run([str(results.ROOT / "bench" / "peers" / PEERS[stack] / "build.sh"), str(folder)])
        return lambda workload, _: tab_separated(run([str(folder / "peer"), workload]))
    program = programs / f"{stack}_bench"
    if not program.is_file():
        raise Unavailable(f"{program.name} is not built: cmake --build build/release --target {program.name}")
    return lambda workload, number: google(stack, program, workload, number)


def tab_separated(text):
    rows = {}
    for line in text.splitlines():
        name, unit, value = line.split("\t")
        rows.setdefault(name, {})[unit] = float(value)
    return rows


def google(stack, program, workload, number):
    out = OUT / "raw" / f"{stack}-{workload}-{number}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    run([str(program), f"--benchmark_filter=^{workload}/", "--benchmark_min_time=0.1",
         f"--benchmark_out={out}", "--benchmark_out_format=json"])
    rows = {}
    for benchmark in json.loads(out.read_text())["benchmarks"]:
        name = results.SUFFIX.sub("", benchmark["name"])
        if benchmark.get("error_occurred"):
            raise Unavailable(f"{name}: {benchmark['error_message']}")
        figures = {field: benchmark[field] for field in FIELDS if field in benchmark}
        rows[name] = {"ns": 1e9 / benchmark["items_per_second"], **figures}
    return rows


def version(*command):
    try:
        return run(list(command)).splitlines()[0].strip()
    except (Unavailable, IndexError):
        return None


def machine():
    processor = platform.processor()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            processor = line.split(":", 1)[1].strip()
            break
    versions = {"c++": version(os.environ.get("CXX", "c++"), "--version"), "rustc": version("rustc", "--version"),
                "go": version("go", "version"), "node": version(str(OUT / "peers/node/node_modules/node/bin/node"),
                                                                "--version") or version("node", "--version")}
    return {"processor": processor, "processors": os.cpu_count(), "system": platform.platform(),
            "versions": {name: text for name, text in versions.items() if text}}


class bystanders:
    """What other work took of the machine's processors while ours ran."""

    def __init__(self):
        self.start = self.now()

    @staticmethod
    def now():
        """Ticks of all processors, those of them that were busy, and those that our programs used."""
        ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        idle = ticks[3] + ticks[4]
        ours = os.times()
        own = (ours.user + ours.system + ours.children_user + ours.children_system) * os.sysconf("SC_CLK_TCK")
        return sum(ticks), sum(ticks) - idle, own

    def share(self):
        total, busy, own = (after - before for after, before in zip(self.now(), self.start))
        return max(0.0, round((busy - own) / max(total, 1), 3))


class run_of_all:
    """The rounds of one run. In each round, each workload goes through the stacks in turn."""

    def __init__(self, workloads, stacks, programs):
        self.workloads = workloads
        self.ready = {}
        self.figures = {workload: {} for workload in workloads}
        self.left_out = {workload: {} for workload in workloads}
        for stack in stacks:
            try:
                self.ready[stack] = prepare(stack, programs)
            except Unavailable as why:
                for workload in workloads:
                    self.leave_out(workload, stack, str(why))
                print(f"skipped: {stack}: {why}", flush=True)
        for (stack, workload), why in NOTHING_IN.items():
            if stack in self.ready and workload in workloads:
                self.leave_out(workload, stack, why)

    def leave_out(self, workload, stack, why):
        self.left_out[workload][stack] = why
        self.figures[workload].pop(stack, None)

    def play(self, workload, number):
        for stack, program in self.ready.items():
            if stack in self.left_out[workload]:
                continue
            try:
                results.add(self.figures[workload], stack, program(workload, number))
            except Unavailable as why:
                self.leave_out(workload, stack, str(why))
                print(f"skipped: {stack} in {workload}: {why}", flush=True)

    def rounds_within(self, rounds, seconds):
        """Plays as many rounds as wanted, or fewer if the next would probably end too late. At least one."""
        start = time.time()
        for number in range(rounds):
            if number and (time.time() - start) * (number + 1) / number > seconds:
                print(f"another round would not end within {seconds} s", flush=True)
                return number
            for workload in self.workloads:
                self.play(workload, number)
            print(f"round {number + 1} of {rounds}: {time.time() - start:.0f} s", flush=True)
        return rounds

    def write(self, rounds):
        for workload in self.workloads:
            results.write(workload, {"workload": workload, "rounds": rounds, "skipped": self.left_out[workload],
                                     "stacks": self.figures[workload]})


def measure(workloads, stacks, rounds, seconds, programs):
    run = run_of_all(workloads, stacks, programs)
    others = bystanders()
    done = run.rounds_within(rounds, seconds)
    run.write(done)
    results.write("run", {"rounds": done, "taken": time.strftime("%Y-%m-%d %H:%M"), "others": others.share(),
                          "machine": machine()})
    return 0 if "keel" in run.ready else 1


def chosen(text, allowed, what):
    names = text.split(",")
    for name in names:
        if name not in allowed:
            sys.exit(f"{what} `{name}` is unknown; allowed: {', '.join(allowed)}")
    return names


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--stacks", default=",".join(STACKS))
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    parser.add_argument("--programs", type=Path, default=results.PROGRAMS)
    options = parser.parse_args()
    if options.rounds < 1:
        sys.exit(f"--rounds is {options.rounds}; allowed: 1 or more")
    return measure(chosen(options.workloads, WORKLOADS, "workload"), chosen(options.stacks, STACKS, "stack"),
                   options.rounds, options.seconds, options.programs)


if __name__ == "__main__":
    sys.exit(main())
