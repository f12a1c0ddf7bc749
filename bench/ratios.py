#!/usr/bin/env python3
"""Prints the ratios of Keel to its peers with the goal beside each: ratios.py [DIR]

Reads what measure.py and compile_cost.py wrote to DIR (build/bench). A ratio is taken within each round, between
programs that ran one after the other; shown are the median over the rounds and, in brackets, the least and the
greatest. `reached` is about the median. `added` is what a stack costs over its own bare operation.
"""

import sys
from statistics import median
from typing import Callable, NamedTuple

import results


class Figures:
    """All that was measured: one file per workload."""

    def __init__(self, folder):
        self.files = results.read_all(folder)

    def rounds(self, workload):
        return self.files[workload]["rounds"] if workload in self.files else 0

    def at(self, number):
        """The function that looks a figure up in one round."""
        def look_up(stack, row, unit="ns"):
            return self.files[row.split("/")[0]]["stacks"][stack][row][unit][number]
        return look_up


# A loop's own start allocates a few times for thousands of calls. Less than this per call is none.
NONE = 0.001


class Goal(NamedTuple):
    workload: str
    what: str
    value: Callable  # of the look-up function of a round
    limit: float
    sense: str = "<="
    form: str = "{:.3g} x"


class Result(NamedTuple):
    goal: Goal
    middle: float | None
    least: float | None
    greatest: float | None
    why: str

    @property
    def reached(self):
        over = self.middle > self.goal.limit if self.goal.sense == "<=" else self.middle < self.goal.limit
        return not over

    @property
    def shown(self):
        form = self.goal.form.format
        if self.middle is None:
            return "-"
        return f"{form(self.middle)} ({form(self.least)} to {form(self.greatest)})"

    @property
    def aim(self):
        return f"{self.goal.sense} {self.goal.form.format(self.goal.limit)}"

    @property
    def verdict(self):
        if self.middle is None:
            return f"not measured: {self.why}"
        return "reached" if self.reached else "not reached"


def added(look_up, stack, row):
    """What a row costs over the bare operation of its own stack, in nanoseconds."""
    return look_up(stack, row) - look_up(stack, row.split("/")[0] + "/bare")


def added_over(row, peer, peers_row):
    return lambda f: added(f, "keel", row) / added(f, peer, peers_row)


def total_over(row, peer, peers_row, unit="ns"):
    return lambda f: f("keel", row, unit) / f(peer, peers_row, unit)


def figure(row, unit):
    return lambda f: f("keel", row, unit)


def ahead(workload, what, row, peer, peers_row):
    """Not slower than the peer, all counted."""
    return Goal(workload, what, total_over(row, peer, peers_row), 1.0)


def count(workload, what, value, limit):
    return Goal(workload, what, value, limit, form="{:.2f}")


def size(workload, what, value, limit):
    return Goal(workload, what, value, limit, form="{:.0f} B")


def w1_goals():
    yield Goal("w1", "five policies, added / tower's four", added_over("w1/five", "tower", "w1/four"), 0.8)
    yield Goal("w1", "... / hand-written decorators", added_over("w1/five", "asio", "w1/five"), 0.09)
    yield Goal("w1", "... / the same with op || timer", added_over("w1/five", "asio", "w1/five_or"), 0.02)
    yield Goal("w1", "... / five fused by hand (floor)", added_over("w1/five", "asio", "w1/five_fused"), 1.5)
    yield ahead("w1", "five policies / Go's five", "w1/five", "go", "w1/five")
    yield ahead("w1", "... / cockatiel's four", "w1/five", "node", "w1/four")
    yield count("w1", "allocations per call", figure("w1/five", "allocs"), NONE)
    yield Goal("w1", "five policies outside a scope, added / op || timer",
               added_over("w1/five/no_scope", "asio", "w1/five_or"), 0.15)
    yield count("w1", "... allocations per call", figure("w1/five/no_scope", "allocs"), 1)
    for policy in ("retry", "breaker", "bulkhead"):
        yield Goal("w1", f"{policy} alone, added / one frame of Asio's",
                   added_over(f"w1/{policy}", "asio", "w1/retry"), 1.2)
    for policy in ("rate_limiter", "timeout"):
        yield Goal("w1", f"{policy} alone, added / one frame and one clock",
                   added_over(f"w1/{policy}", "asio", "w1/rate_limiter"), 1.25)
    yield Goal("w1", "throughput of two threads on one pipeline / of one",
               lambda f: f("keel", "w1/threads/1") / f("keel", "w1/threads/2"), 1.3, ">=")


def w1h_goals():
    yield Goal("w1h", "five policies, added / tower's four", added_over("w1h/five", "tower", "w1h/four"), 0.75)
    yield Goal("w1h", "... / hand-written decorators", added_over("w1h/five", "asio", "w1h/five"), 0.4)
    yield Goal("w1h", "... / the same with op || timer", added_over("w1h/five", "asio", "w1h/five_or"), 0.035)
    yield ahead("w1h", "five policies / Go's five", "w1h/five", "go", "w1h/five")
    yield ahead("w1h", "... / cockatiel's four", "w1h/five", "node", "w1h/four")
    # The crowd's own start is a few allocations for 64,000 calls; a hundredth is none per call.
    yield count("w1h", "allocations per call beyond the bare operation's",
                lambda f: f("keel", "w1h/five", "allocs") - f("keel", "w1h/bare", "allocs"), 0.01)


def w2_goals():
    yield Goal("w2", "refused by value / tower's load_shed", total_over("w2/value", "tower", "w2/value"), 2.2)
    yield Goal("w2", "... / an exception through one frame",
               total_over("w2/value", "asio", "w2/exception"), 0.012)
    yield count("w2", "allocations per refusal by value", figure("w2/value", "allocs"), NONE)
    yield Goal("w2", "refused by exception / an exception through one frame",
               total_over("w2/exception", "asio", "w2/exception"), 1.15)


def w3_goals():
    for n, limit in ((10_000, 0.4), (100_000, 0.13), (1_000_000, 0.1)):
        yield Goal("w3", f"arm + disarm, {n:,} pending / steady_timer",
                   total_over(f"w3/timer/{n}", "asio", f"w3/timer/{n}"), limit)
    for n in (10_000, 100_000, 1_000_000):
        yield Goal("w3", f"arm + disarm, {n:,} pending / Go's AfterFunc",
                   total_over(f"w3/timer/{n}", "go", f"w3/timer/{n}"), 0.5)
    yield Goal("w3", "arm + disarm, 1,000,000 pending / 10,000 pending",
               lambda f: f("keel", "w3/timer/1000000") / f("keel", "w3/timer/10000"), 1.6)
    yield size("w3", "bytes per pending timeout", figure("w3/timer/100000", "bytes"), 48)
    for n in (10_000, 100_000):
        yield Goal("w3", f"pending call, five policies, {n:,} / tokio's timeout alone",
                   total_over(f"w3/call_five/{n}", "tower", f"w3/call/{n}"), 1.0)
        yield Goal("w3", f"pending call, five policies, {n:,} / co_spawn + steady_timer",
                   total_over(f"w3/call_five/{n}", "asio", f"w3/call/{n}"), 0.8)
    yield size("w3", "bytes per pending call, five policies", figure("w3/call_five/100000", "bytes"), 1_200)


def w4_goals():
    yield Goal("w4", "bulkhead, 1,000 callers / tower", total_over("w4/bulkhead", "tower", "w4/bulkhead"), 1.0)
    yield Goal("w4", "... / channel as semaphore", total_over("w4/bulkhead", "asio", "w4/bulkhead"), 0.5)
    yield ahead("w4", "... / Go's golang.org/x semaphore", "w4/bulkhead", "go", "w4/bulkhead")
    yield ahead("w4", "... / cockatiel's bulkhead", "w4/bulkhead", "node", "w4/bulkhead")
    # As in w1h: the crowd's own start.
    yield count("w4", "allocations per wait beyond the bare operation's",
                lambda f: f("keel", "w4/bulkhead", "allocs") - f("keel", "w4/bare", "allocs"), 0.05)


def w5_goals():
    yield Goal("w5", "bytes per breaker / unordered_map by hand",
               total_over("w5/breakers/100000", "asio", "w5/breakers/100000", "bytes"), 0.95)
    yield size("w5", "bytes per breaker, key counted", figure("w5/breakers/100000", "bytes"), 128)
    for n, limit in ((10_000, 1.0), (100_000, 0.8)):
        yield Goal("w5", f"look-up + admit + settle, {n:,} / unordered_map by hand",
                   total_over(f"w5/breakers/{n}", "asio", f"w5/breakers/{n}"), limit)
    for n in (10_000, 100_000):
        yield ahead("w5", f"look-up + admit + settle, {n:,} / Go's map of breakers", f"w5/breakers/{n}", "go",
                    f"w5/breakers/{n}")


def compile_goals():
    yield Goal("compile", "one unit with keel.hpp / with bare Asio coroutines",
               lambda f: f("keel", "compile/unit", "seconds") / f("asio", "compile/unit", "seconds"), 1.5)


GOALS = [*w1_goals(), *w1h_goals(), *w2_goals(), *w3_goals(), *w4_goals(), *w5_goals(), *compile_goals()]


def judge(figures, goal):
    rounds = figures.rounds(goal.workload)
    if rounds == 0:
        return Result(goal, None, None, None, f"no {goal.workload}.json")
    try:
        values = [goal.value(figures.at(number)) for number in range(rounds)]
    except KeyError as absent:
        return Result(goal, None, None, None, f"no {absent.args[0]}")
    except ZeroDivisionError:
        return Result(goal, None, None, None, "the peer's figure is 0")
    return Result(goal, median(values), min(values), max(values), "")


def judge_all(folder):
    figures = Figures(folder)
    return [judge(figures, goal) for goal in GOALS]


def main(folder):
    judged = judge_all(folder)
    rows = [("", "ratio", "median (min to max)", "goal", "")]
    rows += [(r.goal.workload, r.goal.what, r.shown, r.aim, r.verdict) for r in judged]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)), row[4], sep="  ")
    measured = [r for r in judged if r.middle is not None]
    print(f"\n{sum(r.reached for r in measured)} of {len(measured)} goals reached, "
          f"{len(judged) - len(measured)} not measured")
    files = results.read_all(folder)
    if "run" in files:
        print(f"other work took {files['run']['others']:.0%} of the processors' time meanwhile")
    for stack, why in sorted({item for file in files.values() for item in file.get("skipped", {}).items()}):
        print(f"skipped: {stack}: {why}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else results.LAST)
