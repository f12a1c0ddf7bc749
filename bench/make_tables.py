#!/usr/bin/env python3
"""Writes the tables of docs/performance.md from what was measured: make_tables.py [DIR]

Between `<!-- table: NAME -->` and `<!-- /table -->` everything is replaced; the text around is written by hand. DIR
holds what measure.py, compile_cost.py and instructions.py wrote (build/bench). A table whose figures are missing is
left as it is, and named.
"""

import json
import re
import sys
from pathlib import Path
from statistics import median

import ratios

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
BLOCK = re.compile(r"(<!-- table: (\w+) -->\n)(.*?)(<!-- /table -->)", re.DOTALL)

STACKS = {"keel": "Keel", "asio": "Asio by hand", "tower": "tower", "go": "Go", "node": "Node"}

# What a row is, where its name alone does not say it. A row that is not named here is shown under its own name.
WORDS = {
    "bare": "the bare operation", "nothing": "an empty pipeline", "five": "five policies",
    "four": "four policies (tower: no breaker; Node: no rate limiter)", "four_without_timeout": "four, no timeout",
    "five_or": "five, `op \\|\\| timer`", "five_fused": "five fused by hand: the floor",
    "five_deadline": "five, a goroutine per timeout", "timeout_or": "timeout by `op \\|\\| timer`",
    "tokio_timeout": "`tokio::time::timeout`", "after_func": "`AfterFunc` and `Stop`", "opossum": "opossum, three",
    "p_stack": "p-retry, p-timeout, p-limit, opossum", "hop": "the bare operation, suspending",
    "threads": "the whole stack, threads that share it:", "hop_threads": "hops through one context, threads:",
    "rate_limiter": "rate limiter", "value": "refused by value", "exception": "refused by exception",
    "exception_5": "an exception through five frames", "try_acquire": "asked without a pipeline",
    "timer": "arm and disarm, equal durations:", "timer_random": "arm and disarm, random durations:",
    "churn": "replace one of", "list": "floor, a list of equal durations:", "wheel": "floor, a hashed wheel:",
    "list_churn": "floor, replace one of", "call": "pending call under a timeout:",
    "call_five": "pending call under five policies:", "call_or": "pending call, `op \\|\\| timer`:",
    "bulkhead": "bulkhead of 100", "semaphore": "semaphore by hand", "breakers": "breakers by name:",
    "flat": "floor, flat map and array:", "alone": "one call alone", "no_scope": "outside a scope",
}
WORDS_OF = {("w1", "bulkhead"): "bulkhead", ("w2", "try_acquire"): "a plain question: `try_acquire`"}


def words(row):
    workload, first, *rest = row.split("/")
    parts = [WORDS_OF.get((workload, first)) or WORDS.get(first, first)]
    for part in rest:
        parts.append(f"{int(part):,}" if part.isdigit() else ", " + WORDS.get(part, part))
    return " ".join(parts).replace(" ,", ",")


def number(value):
    """Three digits are all that a shared machine gives."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def spread(values):
    if len(values) == 1:
        return number(values[0])
    return f"{number(median(values))} ({number(min(values))}–{number(max(values))})"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def rows_in_order(stacks):
    """Every row once, in the order in which the stacks name them, Keel's first."""
    return list(dict.fromkeys(row for stack in STACKS for row in stacks.get(stack, {})))


def by_stack(stacks, unit, show):
    """One row per row, one column per stack, the cells made of one unit. Without rows that nobody measured."""
    columns = [stack for stack in STACKS if stack in stacks]
    for row in rows_in_order(stacks):
        cells = [stacks[stack].get(row, {}).get(unit) for stack in columns]
        if any(cells):
            yield [words(row), *(show(cell) if cell else "" for cell in cells)]


def head_of(stacks, first):
    return [first, *(STACKS[stack] for stack in STACKS if stack in stacks)]


def plain_count(values):
    value = median(values)
    return "0" if value < 0.005 else f"{value:.2g}" if value < 10 else f"{value:,.0f}"


def time_table(file):
    stacks = file["stacks"]
    return table(head_of(stacks, "ns per operation"), by_stack(stacks, "ns", spread))


def allocations_table(file):
    stacks = {stack: rows for stack, rows in file["stacks"].items() if stack != "node"}
    return table(head_of(stacks, "allocations per operation"), by_stack(stacks, "allocs", plain_count))


def bytes_table(file):
    stacks = file["stacks"]
    return table(head_of(stacks, "bytes each"), by_stack(stacks, "bytes", plain_count))


def machine_table(file):
    where = file["machine"]
    rows = [["processor", f"{where['processor']}, {where['processors']} of them"], ["system", where["system"]]]
    rows += [["`keel::co_spawn`", "yes" if where["scopes"] else "not in this version: no row is in a scope"]]
    rows += [[name, text] for name, text in where["versions"].items()]
    rows += [["rounds", f"{file['rounds']}; load before: {file['load_before']:.1f}"], ["taken", file["taken"]]]
    rows += [[f"left out: {stack}", why] for stack, why in file["skipped"].items()]
    return table(["", ""], rows)


def ratios_table(folder):
    rows = [[re.sub(r"^w(?=\d)", "W", r.goal.workload), r.goal.what.replace("||", "\\|\\|"), r.shown, r.aim,
             r.verdict] for r in ratios.judge_all(folder)]
    return table(["", "ratio", "median (min to max)", "goal", ""], rows)


def instructions_table(file):
    stacks = {stack: {re.sub(r"/iterations:\d+$", "", row): {"instructions": [value]} for row, value in rows.items()}
              for stack, rows in file.items()}
    return table(head_of(stacks, "instructions per operation"), by_stack(stacks, "instructions", spread))


def make(name, folder):
    """The table of that name; KeyError or FileNotFoundError if its figures are not there."""
    def file(stem):
        return json.loads((folder / f"{stem}.json").read_text())

    if name == "ratios":
        return ratios_table(folder)
    if name == "machine":
        return machine_table(file("w1"))
    if name == "instructions":
        return instructions_table(file("instructions/w1"))
    workload, _, kind = name.partition("_")
    kinds = {"": time_table, "allocations": allocations_table, "bytes": bytes_table}
    if kind not in kinds:
        sys.exit(f"docs/performance.md asks for table `{name}`, which nobody makes")
    return kinds[kind](file(workload))


def main(folder):
    missing = []

    def replace(block):
        try:
            return f"{block[1]}\n{make(block[2], folder)}\n{block[4]}"
        except FileNotFoundError as absent:
            missing.append(f"{block[2]}: {absent.filename} is not there")
            return block[0]

    page = PAGE.read_text()
    PAGE.write_text(BLOCK.sub(replace, page))
    print(f"{PAGE.relative_to(ROOT)}: {len(BLOCK.findall(page)) - len(missing)} tables written")
    for why in missing:
        print(f"left as it is: {why}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "bench")
