#!/usr/bin/env python3
"""Breaks the policies in one place after the other and sees whether the tests notice: mutate.py [OPTION...]

A mutant is src/policy or include/keel/policy with one token or statement changed. It is compiled, linked with the
policy tests and the reference traces, and run. Killed: a test failed, crashed or took too long. Survived: all
passed. One that does not compile is not counted.

Every survivor must stand in tests/mutation/survivors.txt with the reason why no test can kill it, and counts as one
all the same. The last line is `killed K of M (x %)`. Fails when that is below 95 % of all policies, when a survivor is
not explained, or when the list explains a mutant that is killed or no longer there.

Outcomes are kept below the build folder, so that a run that was stopped goes on where it was: a kill for as long as
the code stays the same, a survival only until a test changes.
"""

import argparse
import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parent.parent
SURVIVORS = "tests/mutation/survivors.txt"
THRESHOLD = 95.0
SHORTEST_LIMIT = 5  # seconds
MOST_MEMORY = 4 << 30

# --- the mutants of a file --------------------------------------------------------------------------------------

Token = namedtuple("Token", "kind text start end")
Mutant = namedtuple("Mutant", "start end replacement")

TOKEN = re.compile(
    r"(?P<skip>\s+|//[^\n]*|/\*.*?\*/|^[ \t]*#(?:\\\n|[^\n])*)"
    r'|(?P<literal>R"\(.*?\)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\')'
    r"|(?P<number>\.?\d(?:[eE][+-]?\d+|'?[\w.])*)"
    r"|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<sign><=>|<<=|>>=|->\*|\.\.\.|->|::|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[^\w\s])",
    re.DOTALL | re.MULTILINE)

SWAPPED = {
    "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"], "==": ["!="], "!=": ["=="],
    "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "%": ["*"], "<<": [">>"], ">>": ["<<"], "&": ["|"], "|": ["&"],
    "&&": ["||"], "||": ["&&"], "+=": ["-="], "-=": ["+="], "++": ["--"], "--": ["++"],
    "true": ["false"], "false": ["true"], "min": ["max"], "max": ["min"],
}
NEED_BLANKS = set("< <= > >= + - * / % << >> & | && ||".split())  # else a template, a pointer, a sign
NUMBER = re.compile(r"(?P<value>[\d'.]+(?:[eE][+-]?\d+)?)(?P<suffix>\w*)")
UNITS = {"ns", "us", "ms", "s", "min", "h"}
NO_STATEMENT = set("""auto const constexpr static using namespace class struct enum union template typename inline
    explicit friend public private protected if else for while do switch case default return typedef static_assert
    throw try catch operator""".split())


def tokens_of(text):
    found = []
    for match in TOKEN.finditer(text):
        if match.lastgroup != "skip":
            found.append(Token(match.lastgroup, match[0], match.start(), match.end()))
    return found


def closing(tokens, at):
    """The index of the bracket that closes the one at `at`."""
    depth = 0
    for i in range(at, len(tokens)):
        if tokens[i].text in ("(", "[", "{"):
            depth += 1
        elif tokens[i].text in (")", "]", "}"):
            depth -= 1
            if depth == 0:
                return i
    return len(tokens) - 1


def token_mutants(text, token):
    if token.kind == "number":
        yield from number_mutants(token)
    spaced = text[token.start - 1:token.start].isspace() and text[token.end:token.end + 1].isspace()
    if token.text in SWAPPED and (spaced or token.text not in NEED_BLANKS):
        for other in SWAPPED[token.text]:
            yield Mutant(token.start, token.end, other)
    elif token.text in ("!", "-") and not text[token.end].isspace():
        yield Mutant(token.start, token.end, "")


def number_mutants(token):
    value, suffix = NUMBER.fullmatch(token.text).groups() if NUMBER.fullmatch(token.text) else (None, "")
    if value is None:
        return
    number = float(value.replace("'", ""))
    is_float = "." in value or "e" in value.lower()
    if is_float and number > 1e6:  # where one more may be the same number
        steps = ["* 1.1", "* 0.9"]
    else:
        one = "1" + suffix if suffix in UNITS else "1"
        steps = [f"+ {one}", f"- {one}"]
    for step in steps:
        yield Mutant(token.start, token.end, f"({token.text} {step})")


def condition_mutants(text, tokens):
    """`if (a)` becomes `if (!(a))`; likewise for `while`."""
    for i, token in enumerate(tokens[:-1]):
        if token.text not in ("if", "while") or tokens[i + 1].text != "(":
            continue
        last = closing(tokens, i + 1)
        first, depth = i + 2, 0
        for k in range(i + 2, last):
            depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(tokens[k].text, 0)
            if tokens[k].text == ";" and depth == 0:
                first = k + 1
        if first < last and tokens[first].text != "auto":
            start, end = tokens[first].start, tokens[last].start
            yield Mutant(start, end, f"!({text[start:end]})")


def statement_starts(tokens):
    for i, token in enumerate(tokens[1:], 1):
        before = tokens[i - 1].text
        if before in (";", "{", "}", "else"):
            yield i
        elif before == ")" and any(tokens[k].text in ("if", "while", "for") and closing(tokens, k + 1) == i - 1
                                   for k in range(max(0, i - 60), i - 2)):
            yield i


def statement_end(tokens, at):
    depth = 0
    for i in range(at, len(tokens)):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(tokens[i].text, 0)
        if depth < 0:
            return None
        if depth == 0 and tokens[i].text == ";":
            return i
    return None


def is_declaration(statement):
    """Whether a type and a name stand before the first `=`, bracket or end."""
    head = []
    for token in statement:
        if token.text in ("=", "(", "{", ";"):
            break
        head.append(token)
    if len(head) < 2 or head[-1].kind != "word":
        return False
    return head[-2].kind == "word" or (len(head) > 2 and head[-2].text in (">", "*", "&"))


def statement_mutants(text, tokens):
    """Statements vanish; what is returned becomes `{}`."""
    for i in statement_starts(tokens):
        end = statement_end(tokens, i)
        if end is None or end == i:
            continue
        first, second = tokens[i], tokens[i + 1]
        if first.text == "return" and end > i + 1:
            returned = text[second.start:tokens[end].start].strip()
            if returned not in ("{}", "0", "std::nullopt", "true", "false"):
                yield Mutant(second.start, tokens[end].start, "{}")
        elif first.text not in NO_STATEMENT and not is_declaration(tokens[i:end + 1]):
            yield Mutant(first.start, tokens[end].start, "")


def mutants_of(text):
    tokens = tokens_of(text)
    found = {mutant for token in tokens for mutant in token_mutants(text, token)}
    found.update(condition_mutants(text, tokens), statement_mutants(text, tokens))
    return sorted(found)


def applied(text, mutant):
    return text[:mutant.start] + mutant.replacement + text[mutant.end:]


def shown(text, mutant):
    """The lines of a mutant before and after, without indentation: what it is known by."""
    begin = text.rfind("\n", 0, mutant.start) + 1
    end = text.find("\n", mutant.end)
    joined = lambda part: " ".join(part.split())
    return joined(text[begin:end]), joined(text[begin:mutant.start] + mutant.replacement + text[mutant.end:end])


# --- building and running ---------------------------------------------------------------------------------------

class Broken(Exception):
    pass


def limited():
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(command, seconds=300, **more):
    """Exit code, or None when it took too long."""
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          start_new_session=True, **more) as process:
        try:
            output = process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return None, b""
    return process.returncode, output


class Workshop:
    """Objects and test programs of the code as it is, and what depends on what."""

    FLAGS = ["-std=c++20", "-O0", "-w", "-fPIC"]
    PRECOMPILED = {
        "library": "algorithm chrono functional optional string variant vector boost/system/error_condition.hpp",
        "test": "algorithm chrono functional optional string variant vector gtest/gtest.h",
        "traces": "boost/json.hpp chrono functional map memory optional string",
    }

    def __init__(self, folder, compiler):
        self.folder = folder
        self.compiler = compiler
        self.sources = {"library": self.found("src/core/*.cpp", "src/policy/*.cpp", "src/policy/parts/*.cpp"),
                        "test": self.found("tests/core/*_test.cpp", "tests/policy/*_test.cpp",
                                           "tests/policy/parts/*_test.cpp"),
                        "traces": self.found("tests/traces/*.cpp")}
        self.kind = {source: kind for kind, all_of_it in self.sources.items() for source in all_of_it}
        self.needs = {}
        self.limit = 600  # seconds that the tests may take; known better when they have run once

    @staticmethod
    def found(*patterns):
        return sorted(path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern))

    def prepare(self, pool):
        self.folder.mkdir(parents=True, exist_ok=True)
        for kind, headers in self.PRECOMPILED.items():
            header = self.folder / f"{kind}.hpp"
            if not header.with_suffix(".hpp.gch").exists():
                header.write_text("".join(f"#include <{name}>\n" for name in headers.split()))
                self.must([self.compiler, *self.FLAGS, "-x", "c++-header", header, "-o", f"{header}.gch"])
        list(pool.map(self.compile_as_it_is, self.kind))
        self.leave_out_tests_of_more()
        try:
            self.link_library(self.folder, {})
            for kind in self.PROGRAMS:
                self.link_program(self.folder, kind, {})
        except Broken as error:
            sys.exit(f"mutate: the tests cannot be linked:\n{error}")

    def leave_out_tests_of_more(self):
        """A test that sees more of the library than core and policies would need all of it."""
        known = tuple(str(ROOT / "include/keel" / folder) + os.sep for folder in ("core", "policy"))
        library = str(ROOT / "include/keel") + os.sep
        for source in list(self.sources["test"]):
            if any(str(path).startswith(library) and not str(path).startswith(known) for path in self.needs[source]):
                self.sources["test"].remove(source)
                del self.kind[source]

    def must(self, command):
        code, output = run(command)
        if code != 0:
            sys.exit(f"mutate: {' '.join(map(str, command))} failed:\n{output.decode(errors='replace')}")

    def object_of(self, source, folder=None):
        return (folder or self.folder) / (source.replace("/", "_") + ".o")

    def compile_command(self, source, target, place=None, include=()):
        return [self.compiler, *self.FLAGS, *(f"-I{path}" for path in include), f"-I{ROOT}/include", f"-I{ROOT}/tests",
                "-include", self.folder / f"{self.kind[source]}.hpp", "-MMD", "-c", place or ROOT / source, "-o", target]

    def compile_as_it_is(self, source):
        target = self.object_of(source)
        depends = target.with_suffix(".d")
        if not self.is_fresh(target, depends):
            self.must(self.compile_command(source, target))
        names = depends.read_text().replace("\\\n", " ").split()[1:]
        self.needs[source] = {Path(name).resolve() for name in names}

    @staticmethod
    def is_fresh(target, depends):
        if not target.exists() or not depends.exists():
            return False
        names = [Path(name) for name in depends.read_text().replace("\\\n", " ").split()[1:]]
        return all(name.exists() and name.stat().st_mtime < target.stat().st_mtime for name in names)

    def objects(self, kind, instead):
        return [instead.get(source, self.object_of(source)) for source in self.sources[kind]]

    def link_library(self, folder, instead):
        self.link(["-shared", "-Wl,-soname,libpolicy.so", *self.objects("library", instead)], folder / "libpolicy.so")

    PROGRAMS = {"test": ("policy_tests", ["-lgmock_main", "-lgmock", "-lgtest", "-lpthread"]),
                "traces": ("traces", ["-lboost_json"])}

    def link_program(self, folder, kind, instead):
        name, libraries = self.PROGRAMS[kind]
        self.link([*self.objects(kind, instead), folder / "libpolicy.so", *libraries], folder / name)

    def link(self, what, target):
        code, output = run([self.compiler, *what, "-o", target])
        if code != 0:
            raise Broken(output.decode(errors="replace"))

    def users_of(self, name):
        return [source for source in self.kind if (ROOT / name).resolve() in self.needs[source]]

    def suites_of(self, name):
        """The test suites that are most likely to notice: those of the file's own tests."""
        stem = Path(name).stem
        found = set()
        for source in self.sources["test"]:
            if Path(source).name.startswith(stem):
                found.update(re.findall(r"^TEST(?:_[FP])?\((\w+)", (ROOT / source).read_text(), re.MULTILINE))
        return sorted(found)


class Bench:
    """One worker's place: builds one mutant at a time and runs the tests."""

    def __init__(self, shop, number):
        self.shop = shop
        self.folder = shop.folder / f"bench{number}"
        shutil.rmtree(self.folder, ignore_errors=True)  # a run that was ended by force leaves its last mutant here
        self.folder.mkdir()

    def outcome(self, name, text):
        """killed, timeout, survived, or broken for what does not compile."""
        place = self.folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        try:
            for code in self.results(name, place):
                if code != 0:
                    return "timeout" if code is None else "killed"
        except Broken:
            return "broken"
        finally:
            place.unlink()
        return "survived"

    def results(self, name, place):
        """Exit codes of the tests, the quickest to notice first. What the later ones need is built only for them."""
        self.shop.link_library(self.folder, self.compiled("library", name, place))
        tests = [self.program("test", name, place), "--gtest_fail_fast", "--gtest_brief=1"]
        own = ":".join(f"{suite}.*" for suite in self.shop.suites_of(name))
        if own:
            yield self.run(tests + [f"--gtest_filter={own}"])
        yield self.run(tests)
        yield self.run([self.program("traces", name, place), ROOT / "tests/traces/reference"])

    def program(self, kind, name, place):
        """The program of these tests: the one there is, unless a mutated header went into it."""
        instead = self.compiled(kind, name, place)
        if instead:
            self.shop.link_program(self.folder, kind, instead)
        return (self.folder if instead else self.shop.folder) / self.shop.PROGRAMS[kind][0]

    def compiled(self, kind, name, place):
        """New objects for the sources of this kind that see the mutant."""
        instead = {}
        for source in self.shop.users_of(name):
            if self.shop.kind[source] == kind:
                instead[source] = self.shop.object_of(source, self.folder)
                code, _ = run(self.shop.compile_command(source, instead[source], place if source == name else None,
                                                        [self.folder / "include"]))
                if code != 0:
                    raise Broken
        return instead

    def run(self, command):
        environment = dict(os.environ, LD_LIBRARY_PATH=str(self.folder))
        return run(command, self.shop.limit, env=environment, preexec_fn=limited)[0]


# --- the list of explained survivors ----------------------------------------------------------------------------

def explained():
    """How many survivors each (file, line before, line after) explains: one for each record, of file, `- before`,
    `+ after` and reason."""
    path = ROOT / SURVIVORS
    reasons = Counter()
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    for record in re.split(r"\n\s*\n", text):
        lines = [line for line in record.splitlines() if line.strip() and not line.startswith("#")]
        if not lines:
            continue
        if len(lines) < 4 or not lines[1].startswith("- ") or not lines[2].startswith("+ "):
            sys.exit(f"{SURVIVORS}: found a record that begins with `{lines[0]}`, expected the lines FILE, "
                     "`- BEFORE`, `+ AFTER` and a reason")
        reasons[lines[0].strip(), lines[1][2:].strip(), lines[2][2:].strip()] += 1
    return reasons


# --- the run ----------------------------------------------------------------------------------------------------

def files_to_mutate(only):
    every = Workshop.found("src/policy/*.cpp", "src/policy/parts/*.cpp", "include/keel/policy/*.hpp",
                           "include/keel/policy/parts/*.hpp")
    chosen = [name for name in every if not only or any(part in name for part in only)]
    if not chosen:
        sys.exit(f"mutate: no file of the policies matches {' '.join(only)}")
    return chosen


def digest_of(*patterns):
    every = hashlib.sha256()
    for name in Workshop.found(*patterns):
        every.update(name.encode() + (ROOT / name).read_bytes())
    return every.hexdigest()[:16]


class Memory:
    """Outcomes of earlier runs, one line each. A kill holds while the code stays the same, a survival only while the
    tests do, too."""

    CORE = ("src/core/*", "include/keel/core/*")
    TESTS = ("tests/core/*", "tests/policy/**/*.cpp", "tests/support/*", "tests/traces/*.?pp",
             "tests/traces/reference/*")

    def __init__(self, build):
        self.path = build / "outcomes"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.tests = digest_of(*self.TESTS)
        self.code = {}
        self.known = {}
        for line in self.path.read_text().splitlines() if self.path.exists() else []:
            key, outcome, tests = json.loads(line)
            self.known[tuple(key)] = (outcome, tests)

    def key(self, name, mutant):
        if name not in self.code:
            of_policies = "parts/*" if "parts" not in name else "**/*.?pp"
            own = Path(name).stem + ".?pp"
            self.code[name] = digest_of(*self.CORE, *(f"{folder}/{pattern}" for pattern in (of_policies, own)
                                                      for folder in ("src/policy", "include/keel/policy")))
        return (self.code[name], name, *mutant)

    def recall(self, name, mutant):
        outcome, tests = self.known.get(self.key(name, mutant), (None, None))
        return None if outcome == "survived" and tests != self.tests else outcome

    def add(self, name, mutant, outcome):
        key = self.key(name, mutant)
        self.known[key] = (outcome, self.tests)
        with self.path.open("a") as lines:
            lines.write(json.dumps([key, outcome, self.tests]) + "\n")


def try_all(shop, memory, work, jobs, seconds):
    """Outcomes of (file, text, mutant) in the order of `work`; None when the time is up."""
    deadline = time.monotonic() + seconds if seconds else None
    benches = SimpleQueue()
    for number in range(jobs):
        benches.put(Bench(shop, number))

    def one(item):
        name, text, mutant = item
        known = memory.recall(name, mutant)
        if known:
            return known
        if deadline and time.monotonic() > deadline:
            return None
        bench = benches.get()
        try:
            return bench.outcome(name, applied(text, mutant))
        finally:
            benches.put(bench)

    with ThreadPoolExecutor(jobs) as pool:
        for (name, _, mutant), outcome in zip(work, pool.map(one, work)):
            if outcome and not memory.recall(name, mutant):
                memory.add(name, mutant, outcome)
            yield outcome


def check_baseline(shop):
    bench = Bench(shop, 0)
    name = shop.sources["library"][0]
    started = time.monotonic()
    result = bench.outcome(name, (ROOT / name).read_text(encoding="utf-8"))
    if result != "survived":
        sys.exit(f"mutate: the tests do not pass as they are ({result})")
    shop.limit = max(SHORTEST_LIMIT, 5 * (time.monotonic() - started))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("-j", type=int, default=2, metavar="N", help="processes (2)")
    options.add_argument("--file", action="append", default=[], metavar="PART",
                         help="only files whose path holds PART; may be repeated")
    options.add_argument("--sample", type=int, metavar="N", help="only N mutants, drawn at random")
    options.add_argument("--seed", type=int, default=1, metavar="S", help="for --sample (1)")
    options.add_argument("--seconds", type=int, metavar="N", help="stop after N seconds; the next run goes on")
    options.add_argument("--list", action="store_true", help="print the mutants and stop")
    options.add_argument("--table", action="store_true", help="print the results of earlier full runs and stop")
    options.add_argument("--compiler", default=os.environ.get("CXX", "g++"))
    options.add_argument("--build", type=Path, default=ROOT / "build/mutation", metavar="DIR")
    given = options.parse_args()

    files = files_to_mutate(given.file)
    if given.table:
        return print_table(given.build, files)

    work = []
    for name in files:
        text = (ROOT / name).read_text(encoding="utf-8")
        work += [(name, text, mutant) for mutant in mutants_of(text)]
    if given.sample is not None:
        chosen = sorted(random.Random(given.seed).sample(range(len(work)), min(given.sample, len(work))))
        work = [work[i] for i in chosen]
    if given.list:
        for name, text, mutant in work:
            print(name, *shown(text, mutant), sep="\n  ")
        return 0

    shop = Workshop(given.build.resolve(), given.compiler)
    with ThreadPoolExecutor(given.j) as pool:
        shop.prepare(pool)
    check_baseline(shop)
    return report(given, files, work, try_all(shop, Memory(given.build), work, given.j, given.seconds))


def report(given, files, work, outcomes):
    reasons = explained()
    started = time.monotonic()
    counts = {name: dict.fromkeys(("killed", "timeout", "survived", "explained", "broken"), 0) for name in files}
    alive = Counter()
    unexplained = []
    left = 0
    for (name, text, mutant), outcome in zip(work, outcomes):
        key = (name, *shown(text, mutant))
        if outcome is None:
            left += 1
            continue
        if outcome == "survived":
            alive[key] += 1
            outcome = "explained" if alive[key] <= reasons[key] else "survived"
        if outcome == "survived":
            unexplained.append((key, text.count("\n", 0, mutant.start) + 1))
            print(f"survived: {name}:{unexplained[-1][1]}\n- {key[1]}\n+ {key[2]}", flush=True)
        counts[name][outcome] += 1

    if left:
        print(f"stopped after {given.seconds} s: {left} of {len(work)} mutants are left")
        return 3
    full = given.sample is None
    if full:
        for name in files:
            save(given.build, name, counts[name])
    stale = [key for key, count in reasons.items() if full and key[0] in files and alive[key] < count]
    for key in stale:
        print(f"{SURVIVORS}: explains a mutant that is killed or gone:\n{key[0]}\n- {key[1]}\n+ {key[2]}")

    total = {what: sum(count[what] for count in counts.values()) for what in next(iter(counts.values()))}
    killed = total["killed"] + total["timeout"]
    valid = killed + total["survived"] + total["explained"]
    share = 100 * killed / valid if valid else 100.0
    print(f"{len(files)} files, {time.monotonic() - started:.0f} s; {total['timeout']} killed by time, "
          f"{total['explained']} survivors explained, {len(unexplained)} not, {total['broken']} did not compile")
    print(f"killed {killed} of {valid} ({share:.1f} %)")
    too_few = share < THRESHOLD and full and not given.file
    return 1 if too_few or stale or unexplained else 0


def result_file(build, name):
    return build / "results" / (name.replace("/", "_") + ".json")


def save(build, name, count):
    path = result_file(build, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(count))


def print_table(build, files):
    print("| file | mutants | killed | of them by time | survived | of them explained | share |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    sums = [0, 0, 0, 0, 0]
    for name in files:
        path = result_file(build, name)
        if not path.exists():
            print(f"| `{name}` | not run | | | | | |")
            continue
        count = json.loads(path.read_text())
        killed, survived = count["killed"] + count["timeout"], count["survived"] + count["explained"]
        row = [killed + survived, killed, count["timeout"], survived, count["explained"]]
        sums = [a + b for a, b in zip(sums, row)]
        print_row(f"`{name}`", row)
    print_row("all", sums)
    return 0


def print_row(name, row):
    mutants, killed = row[:2]
    share = 100 * killed / mutants if mutants else 100.0
    print(f"| {name} | {' | '.join(map(str, row))} | {share:.1f} % |")


if __name__ == "__main__":
    sys.exit(main())
