#!/usr/bin/env python3
"""Makes tables of what was measured: make_tables.py --print | --keep | --check

--print  shows the times of the last run (build/bench) on the terminal.
--keep   copies the last run to bench/results, and writes the tables of docs/performance.md from it: what stands
         between `<!-- table: NAME -->` and `<!-- /table -->`. The text around is written by hand.
--check  fails if a table of that page is not what bench/results gives, or if the text around tells a figure.
"""

import re
import shutil
import sys
from pathlib import Path
from statistics import median

import ratios
import results

BLOCK = re.compile(r"(<!-- table: (\w+) -->\n)(.*?)(<!-- /table -->)", re.DOTALL)

# A figure in the text would stay when those in the tables change.
FIGURE = re.compile(r"\d[\d.,]* ?(?:ns|µs|nanoseconds?|microseconds?|bytes|B|KiB|kB|%|times|allocations?)(?![\w-])")

WORKLOADS = ["w1", "w1h", "w2", "w3", "w4", "w5"]
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


def words(name):
    """A workload's name, or a row's, as people say it."""
    if "/" not in name:
        return re.sub(r"^w(?=\d)", "W", name)
    workload, first, *rest = name.split("/")
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


def workload_of(row):
    return row.split("/")[0]


def rows_in_order(stacks):
    """Every row once, by workload, else in the order in which the stacks name them, Keel's first."""
    rows = dict.fromkeys(row for stack in STACKS for row in stacks.get(stack, {}))
    return sorted(rows, key=lambda row: [*WORKLOADS, workload_of(row)].index(workload_of(row)))


def by_stack(stacks, unit, show):
    """One row per row, one column per stack, the cells made of one unit. Without rows that nobody measured."""
    columns = [stack for stack in STACKS if stack in stacks]
    rows = rows_in_order(stacks)
    mixed = len({workload_of(row) for row in rows}) > 1
    for row in rows:
        cells = [stacks[stack].get(row, {}).get(unit) for stack in columns]
        if any(cells):
            label = f"{words(workload_of(row))}: {words(row)}" if mixed else words(row)
            yield [label, *(show(cell) if cell else "" for cell in cells)]


def head_of(stacks, first):
    return [first, *(STACKS[stack] for stack in STACKS if stack in stacks)]


def plain_count(values):
    value = median(values)
    return "0" if value < 0.005 else f"{value:.2g}" if value < 10 else f"{value:,.0f}"


# The end of a table's name -> its title, the unit of its cells, and how they are shown.
KINDS = {
    "": ("ns per operation", "ns", spread),
    "allocations": ("allocations per operation", "allocs", plain_count),
    "bytes": ("bytes each", "bytes", plain_count),
    "seconds": ("seconds", "seconds", spread),
    "counts": ("instructions per operation", "instructions", spread),
}


def figures_table(stacks, kind):
    title, unit, show = KINDS[kind]
    having = {stack: rows for stack, rows in stacks.items() if any(unit in row for row in rows.values())}
    return table(head_of(having, title), by_stack(having, unit, show))


def machine_table(files):
    run = files["run"]
    where = run["machine"]
    rows = [["processor", f"{where['processor']}, {where['processors']} of them"], ["system", where["system"]]]
    rows += [[name, text] for name, text in where["versions"].items()]
    rows += [["rounds", str(run["rounds"])], ["taken", run["taken"]],
             ["processors' time that other work took meanwhile", f"{run['others']:.0%}"]]
    skipped = {}
    for name, file in files.items():
        for stack, why in file.get("skipped", {}).items():
            skipped.setdefault((STACKS[stack], why), []).append(words(name))
    rows += [[f"left out: {stack} in {', '.join(names)}", why] for (stack, why), names in skipped.items()]
    return table(["", ""], rows)


def ratios_table(folder):
    rows = [[words(r.goal.workload), r.goal.what.replace("||", "\\|\\|"), r.shown, r.aim,
             r.verdict] for r in ratios.judge_all(folder)]
    return table(["", "ratio", "median (min to max)", "goal", ""], rows)


def make(name, folder):
    """The table of that name; KeyError if its figures are not there."""
    if name == "ratios":
        return ratios_table(folder)
    files = results.read_all(folder)
    if name == "machine":
        return machine_table(files)
    workload, _, kind = name.partition("_")
    return figures_table(files[workload]["stacks"], kind)


def page_from(folder, page):
    """The page with all its tables made anew."""
    def replace(block):
        try:
            return f"{block[1]}\n{make(block[2], folder)}\n{block[4]}"
        except KeyError as absent:
            sys.exit(f"table `{block[2]}`: {absent} is not in {folder}")
    return BLOCK.sub(replace, page)


def keep(page):
    results.KEPT.mkdir(exist_ok=True)
    for path in results.LAST.glob("*.json"):
        shutil.copy(path, results.KEPT)
    page.write_text(page_from(results.KEPT, page.read_text()))


def faults(page):
    """What is wrong with the page, one line each."""
    text = page.read_text()
    wanted = BLOCK.finditer(page_from(results.KEPT, text))
    for block, made in zip(BLOCK.finditer(text), wanted):
        if block[3] != made[3]:
            yield f"table `{block[2]}` is not what bench/results gives: python3 bench/make_tables.py --keep"
    for figure in FIGURE.finditer(BLOCK.sub("", text)):
        yield f"`{figure[0]}` stands outside of the tables, where nobody keeps it true"


def main(wish):
    page = results.ROOT / "docs" / "performance.md"
    if wish == "--print":
        for name, file in results.read_all(results.LAST).items():
            if name in WORKLOADS:
                print(f"{words(name)}\n\n{figures_table(file['stacks'], '')}")
    elif wish == "--keep":
        keep(page)
    elif wish == "--check":
        found = list(faults(page))
        print("\n".join([*found, f"performance.md: {len(BLOCK.findall(page.read_text()))} tables, {len(found)} faults"]))
        return 1 if found else 0
    else:
        sys.exit(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:] or [""]))
