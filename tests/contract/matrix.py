#!/usr/bin/env python3
"""The matrix of promises and policies: matrix.py [--fix] MATRIX DOCUMENT TABLE BUILD

Reads MATRIX (matrix.txt), runs TABLE (keel_contract_table) for what the laws find, asks `ctest` in BUILD which tests there
are, prints the matrix, and compares it with DOCUMENT between `<!-- matrix -->` and `<!-- /matrix -->`. Fails when a law is
broken, when a test that MATRIX names does not exist, or when DOCUMENT says something else. --fix writes DOCUMENT anew.
"""

import re
import subprocess
import sys
from pathlib import Path

ROW = re.compile(r"^row (\w+): (.+)$")
ENTRY = re.compile(r"^  (.+?)( -)?: (.+)$")


class fault(Exception):
    pass


class matrix:
    """What matrix.txt says."""

    def __init__(self, text):
        self.columns = []
        self.parts = []  # (title, the one column or None, rows)
        for number, line in enumerate(text.splitlines(), 1):
            try:
                if line.strip() and not line.startswith("#"):
                    self.read(line)
            except fault as why:
                raise fault(f"matrix.txt:{number}: {why}") from None

    def read(self, line):
        if line.startswith("columns: "):
            self.columns = [name.strip() for name in line[9:].split(",")]
        elif found := re.match(r"^table \w+: (.+)$", line):
            self.parts.append((found[1], None, []))
        elif found := re.match(r"^list ([\w ]+): (.+)$", line):
            self.parts.append((found[2], self.column(found[1]), []))
        elif found := ROW.match(line):
            self.begin_row(*found.groups())
        elif found := ENTRY.match(line):
            self.note(*found.groups())
        else:
            raise fault(f"neither a row nor what belongs to one: `{line}`")

    def column(self, name):
        if name not in self.columns:
            raise fault(f"no column `{name}`; there are {', '.join(self.columns)}")
        return name

    def begin_row(self, name, says):
        if not self.parts:
            raise fault("a row before the first table or list")
        if any(row["id"] == name for _, _, rows in self.parts for row in rows):
            raise fault(f"a second row `{name}`")
        self.parts[-1][2].append({"id": name, "says": says, "laws": [], "tests": {}, "not": {}, "others": None, "gaps": {}})

    def note(self, what, negated, text):
        if not self.parts or not self.parts[-1][2]:
            raise fault("this belongs to no row")
        row = self.parts[-1][2][-1]
        if what == "laws":
            row["laws"] = [law.strip() for law in text.split(",")]
        elif what.startswith("gap "):
            row["gaps"][self.column(what[4:])] = text
        elif what == "others" and negated:
            row["others"] = text
        elif negated:
            row["not"][self.column(what)] = text
        else:
            row["tests"][self.column(what)] = [test.strip() for test in text.split(",")]


class findings:
    """What the laws find: for each law and policy, in each of its forms."""

    def __init__(self, text):
        self.laws, self.found = {}, {}
        for line in text.splitlines():
            kind, *fields = line.split("\t")
            if kind == "law":
                self.laws[fields[0]] = fields[1]
            else:
                policy, form, law, state, why = fields
                self.found.setdefault((law, policy), []).append((form, state, why))

    def broken(self):
        return [f"{policy}, {form}: {law} is broken: {why}" for (law, policy), forms in self.found.items()
                for form, state, why in forms if state == "BROKEN"]


def cell(row, policy, seen):
    """One word for a row and a policy, and a reason if there is one."""
    tests = len(row["tests"].get(policy, []))
    forms = [f for law in row["laws"] for f in seen.found.get((law, policy), [])]
    states = {state for _, state, _ in forms}
    if "BROKEN" in states:
        return "**BROKEN**", None
    if "held" in states:
        return f"held +{tests}" if tests else "held", None
    if tests:
        return str(tests), None
    if policy in row["not"]:
        return "-", row["not"][policy]
    if row["others"] and policy not in row["gaps"]:
        return "-", row["others"]
    if forms and states == {"-"}:
        return "-", "; ".join(dict.fromkeys(why for _, _, why in forms))
    return "*gap*", row["gaps"].get(policy)


def shown(m, seen):
    """The matrix as the document shows it, and how many gaps there are."""
    out, gaps = [], 0
    for title, only, rows in m.parts:
        columns = [only] if only else m.columns
        out += [f"### {title}", ""]
        head = ["", "Promise"] + (["Shown by"] if only else [c.replace("_", " ") for c in columns])
        out += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        reasons = []
        for row in rows:
            cells = []
            for policy in columns:
                text, why = cell(row, policy, seen)
                gaps += text == "*gap*"
                cells.append(f"{text} tests" if only and text.isdigit() and int(text) > 1
                             else f"{text} test" if only and text.isdigit() else text)
                if why:
                    reasons.append((row["id"], policy.replace("_", " "), why, text == "*gap*"))
            out.append("| " + " | ".join([row["id"], row["says"].replace("|", "/"), *cells]) + " |")
        out.append("")
        for heading, wanted in (("What is missing:", True), ("Why some promises say nothing of a policy:", False)):
            grouped = {}
            for name, policy, why, is_gap in reasons:
                if is_gap == wanted:
                    grouped.setdefault((name, why), []).append(policy)
            if grouped:
                out += [heading, ""]
                out += [f"- {name}, {', '.join(policies)}: {why}." for (name, why), policies in grouped.items()]
                out.append("")
    return out, gaps


def laws_shown(seen):
    return ["| Law | It says |", "|---|---|"] + [f"| `{name}` | {says} |" for name, says in seen.laws.items()]


def unknown(m, seen, tests):
    for _, _, rows in m.parts:
        for row in rows:
            for law in row["laws"]:
                if law not in seen.laws:
                    yield f"row {row['id']}: no law `{law}`"
            for policy, names in row["tests"].items():
                for name in names:
                    if name not in tests:
                        yield f"row {row['id']}, {policy}: no test `{name}`"
    used = {law for _, _, rows in m.parts for row in rows for law in row["laws"]}
    for law in seen.laws:
        if law not in used:
            yield f"law `{law}` is in no row"
    for policy in {policy for _, policy in seen.found}:
        if policy not in m.columns:
            yield f"the laws were checked for `{policy}`, which is no column"


def replaced(text, mark, lines):
    opening, closing = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    if text.count(opening) != 1 or text.count(closing) != 1:
        raise fault(f"the document has no part from `{opening}` to `{closing}`, or more than one")
    before, rest = text.split(opening)
    return before + opening + "\n" + "\n".join(lines).rstrip() + "\n" + closing + rest.split(closing)[1]


def names_of_tests(build):
    listed = subprocess.run(["ctest", "-N", "--test-dir", build], capture_output=True, text=True, check=True).stdout
    names = {found[1] for found in re.finditer(r"^ *Test +#\d+: (\S+)", listed, re.MULTILINE)}
    return names | {re.sub(r"^\w+/(\w+\.\w+)/.*$", r"\1", name) for name in names}  # a test of many values, by its own name


def main(where, document, table, build, fix):
    done = subprocess.run([table], capture_output=True, text=True, check=False)
    m, seen = matrix(where.read_text(encoding="utf-8")), findings(done.stdout)
    lines, gaps = shown(m, seen)
    print("\n".join(lines))
    faults = seen.broken() + list(unknown(m, seen, names_of_tests(build)))
    if done.returncode not in (0, 1) or not seen.found:
        faults.append(f"{table} ended with {done.returncode}: {done.stderr}")
    text = document.read_text(encoding="utf-8")
    total = [f"{gaps} gap{'' if gaps == 1 else 's'}."]
    wanted = replaced(replaced(text, "laws", laws_shown(seen)), "matrix", total + [""] + lines)
    if wanted != text and fix:
        document.write_text(wanted, encoding="utf-8")
    elif wanted != text:
        faults.append(f"{document.name} does not show this matrix; run matrix.py --fix")
    print("\n".join(faults + [f"matrix: {gaps} gaps, {len(faults)} faults"]))
    return 1 if faults else 0


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--fix"]
    if len(arguments) != 4:
        sys.exit(__doc__)
    try:
        sys.exit(main(Path(arguments[0]), Path(arguments[1]), arguments[2], arguments[3], "--fix" in sys.argv))
    except fault as why:
        sys.exit(f"matrix: {why}")
