#!/usr/bin/env python3
"""Cuts the C++ and the CMake in the documents from files that are used: snippets.py [--fix] ROOT

Every ```cpp block in README.md and docs/**/*.md stands directly below a line

    <!-- from examples/patterns/retry.cpp:usage -->

and equals the lines between `// [usage]` and `// [/usage]` of that file, without their common
indentation. The same for ```cmake, where the markers are comments of CMake, `# [usage]`. Prints one line per fault, and fails if there is one. With --fix, blocks that differ are
rewritten first.
"""

import re
import sys
from pathlib import Path
from textwrap import dedent

CHECKED = {"cpp", "c++", "cc", "cxx", "hpp", "cmake"}
OPENING = re.compile(r"^( *)(`{3,}|~{3,}) *([^\s`{]*)[^`]*$")
ORIGIN = re.compile(r"^ *<!-- from ((?:examples|tests)/[\w./-]+\.(?:[ch]pp|cmake|txt)):([\w-]+) -->$")
MARKER = re.compile(r"^\s*(?://|#) \[/?[\w-]+\]$")


def region(root, name, tag):
    """The lines of a tagged region. Markers of regions inside it are left out."""
    path = root / name
    if ".." in path.parts or not path.is_file():
        raise LookupError(f"no file {name}")
    lines = path.read_text(encoding="utf-8").splitlines()
    bare = [line.strip() for line in lines]
    comment = "//" if name.endswith("pp") else "#"
    begin, end = f"{comment} [{tag}]", f"{comment} [/{tag}]"
    if bare.count(begin) != 1 or bare.count(end) != 1 or bare.index(begin) > bare.index(end):
        raise LookupError(f"{name} has no region `{begin}` to `{end}`, or more than one")
    inside = lines[bare.index(begin) + 1:bare.index(end)]
    return dedent("\n".join(line for line in inside if not MARKER.match(line))).splitlines()


def first_difference(found, wanted):
    for offset in range(max(len(found), len(wanted))):
        here = found[offset] if offset < len(found) else None
        there = wanted[offset] if offset < len(wanted) else None
        if here != there:
            return offset, here, there
    return None


def check(root, document, fix):
    """Returns the number of blocks and the faults of one document."""
    lines = document.read_text(encoding="utf-8").splitlines()
    name = document.relative_to(root).as_posix()
    blocks, faults, at, changed = 0, [], 0, False
    while at < len(lines):
        opening = OPENING.match(lines[at])
        if not opening:
            at += 1
            continue
        indent, fence, language = opening.groups()
        first = at + 1
        last = first
        while last < len(lines) and not re.fullmatch(rf" *{fence[0]}{{{len(fence)},}} *", lines[last]):
            last += 1
        if last == len(lines):
            faults.append(f"{name}:{first}: this block is never closed")
            break
        at = last + 1
        if language.lower() not in CHECKED:
            continue

        blocks += 1
        origin = ORIGIN.match(lines[first - 2]) if first > 1 else None
        if not origin:
            faults.append(f"{name}:{first}: no `<!-- from examples/FILE.cpp:TAG -->` above this block")
            continue
        try:
            wanted = [indent + line if line else "" for line in region(root, *origin.groups())]
        except LookupError as fault:
            faults.append(f"{name}:{first - 1}: {fault}")
            continue
        difference = first_difference(lines[first:last], wanted)
        if difference and fix:
            lines[first:last] = wanted
            at = first + len(wanted) + 1
            changed = True
            print(f"{name}:{first}: rewritten from {origin[1]}:{origin[2]}")
        elif difference:
            offset, here, there = difference
            faults.append(f"{name}:{first + 1 + offset}: differs from {origin[1]}:{origin[2]}\n"
                          f"  document: {here or '(no line)'}\n  source:   {there or '(no line)'}")
    if changed:
        document.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return blocks, faults


def main(root, fix):
    documents = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    if not documents[0].is_file():
        sys.exit(f"snippets: no {documents[0]}")
    blocks, faults = 0, []
    for document in documents:
        more, new = check(root, document, fix)
        blocks += more
        faults += new
    print("\n".join(faults + [f"snippets: {blocks} blocks, {len(faults)} faults"]))
    return 1 if faults else 0


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--fix"]
    sys.exit(main(Path(arguments[0]), "--fix" in sys.argv))
