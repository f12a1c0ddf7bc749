#!/usr/bin/env python3
"""Checks that every policy has the same shape: check_shape.py ROOT

One stem in every tree: header, source, test, page, example and flat header. Prints one line per
fault, and fails if there is one.
"""

import re
import sys
from pathlib import Path

# Headers in policy/ that say what a policy is, and are none.
NOT_A_POLICY = {"gate", "loop"}

# Stems whose example is part of another one.
EXAMPLE_ELSEWHERE = {"retry_budget": "retry"}

SECTIONS = [
    "## What it protects from",
    "## Usage",
    "## Options",
    "## Events",
    "## State diagram",
    "## Mistakes to avoid",
]

FENCE = re.compile(r"^ *(```|~~~).*?^ *\1 *$", re.DOTALL | re.MULTILINE)


def policy_faults(root, stem):
    example = EXAMPLE_ELSEWHERE.get(stem, stem)
    for part, name in {
        "source": f"src/policy/{stem}.cpp",
        "test": f"tests/policy/{stem}_test.cpp",
        "page": f"docs/policies/{stem}.md",
        "example": f"examples/patterns/{example}.cpp",
        "flat header": f"include/keel/{stem}.hpp",
    }.items():
        if not (root / name).is_file():
            yield f"policy `{stem}` has no {part}: {name}"

    header = f"include/keel/policy/{stem}.hpp"
    text = (root / header).read_text(encoding="utf-8")
    if not re.search(rf"^struct\s+(\w+\s+)?{stem}_options\b", text, re.MULTILINE):
        yield f"{header}: no `struct {stem}_options`"
    if not re.search(r"^[^/*\n]*\bvalidate\(", text, re.MULTILINE):
        yield f"{header}: no `validate(`"


def page_faults(root, page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    found = [line.rstrip() for line in text.splitlines() if line.rstrip() in SECTIONS]
    name = page.relative_to(root).as_posix()
    for section in SECTIONS:
        if section not in found:
            yield f"{name}: no section `{section}`"
    if set(found) == set(SECTIONS) and found != SECTIONS:
        yield f"{name}: sections repeated or out of order, expected {', '.join(SECTIONS)}"


def main(root):
    policies = root / "include/keel/policy"
    if not policies.is_dir():
        sys.exit(f"shape: no {policies}")
    stems = sorted({header.stem for header in policies.glob("*.hpp")} - NOT_A_POLICY)
    faults = [fault for stem in stems for fault in policy_faults(root, stem)]
    for part in sorted((policies / "parts").glob("*.hpp")):
        test = f"tests/policy/parts/{part.stem}_test.cpp"
        if not (root / test).is_file():
            faults.append(f"part `{part.stem}` has no test: {test}")
    for page in sorted((root / "docs/policies").glob("*.md")):
        faults += page_faults(root, page)

    print("\n".join(faults + [f"shape: {len(stems)} policies, {len(faults)} faults"]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
