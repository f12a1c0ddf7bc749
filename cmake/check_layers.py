#!/usr/bin/env python3
"""Checks the layer rule and what goes with it: check_layers.py ROOT

Reads include/keel/** and src/**, prints one line per breach, and fails if there is one.
Comments and string literals are not code: they may name anything.
"""

import re
import sys
from os.path import normpath
from pathlib import Path

# What a layer may include besides the standard library, which is open to all. A folder of ours is
# written by its name, anything else by the beginning of its path. What belongs to one operating system stands in no row:
# Asio hides it.
LAYERS = {
    "core": ["core", "boost/system/"],
    "policy": ["core", "policy", "boost/system/"],
    "telemetry": ["core", "telemetry", "boost/system/"],
    "async": ["core", "policy", "telemetry", "async", "boost/system/", "boost/asio/"],
    "pipeline": ["core", "policy", "telemetry", "async", "pipeline", "boost/system/", "boost/asio/"],
    "config": ["core", "policy", "pipeline", "config", "boost/system/", "boost/json/", "boost/json.hpp"],
    "store": ["core", "policy", "telemetry", "async", "store", "boost/system/", "boost/asio/",
              "sqlite3.h", "hiredis/"],
    "http": ["core", "policy", "telemetry", "async", "pipeline", "config", "store", "http",
             "boost/", "openssl/"],
    "testing": ["core", "policy", "telemetry", "async", "pipeline", "config", "store", "http",
                "testing", "boost/"],
    "flat": ["core", "policy", "telemetry", "async", "pipeline", "config", "store", "http", "flat"],
}

THEIRS = {layer: [start for start in row if "/" in start or "." in start] for layer, row in LAYERS.items()}

# A header that only some files of a layer may include: (path of the file, beginning of the header).
ALLOWED = [
    (r"(src/telemetry/.*|include/keel/telemetry/spdlog_sink\.hpp)", "spdlog/"),
    (r"include/keel/async/detail/one_thread\.hpp", "sys/single_threaded.h"),
    (r"include/keel/async/detail/circuit_shard\.hpp", "boost/unordered/"),
    (r"include/keel/async/detail/scope_pool\.hpp", "boost/container/"),
    (r"src/pipeline/detail/plan\.cpp", "boost/core/demangle.hpp"),
]

FOR_ALL_LAYERS = ["keel/version.hpp"]

# Words that must not stand in the code: (path of the file, files excepted, word, what to say).
HEADERS = r"(include|src)/.*\.(hpp|ipp|h|hh)"
PURE = r"(include/keel|src)/(core|policy)/.*"
EVERYWHERE = r".*"
TIME_SOURCE = r"(include/keel|src)/async/time_source\.[ch]pp"
FORBIDDEN = [
    (PURE, None, r"<(thread|mutex|shared_mutex|condition_variable|atomic|random)>",
     "core and policy know no threads, locks or random devices"),
    (PURE, None, r"::\s*now\s*\(", "core and policy are told the time, they do not ask"),
    (r"include/.*", None, r"boost/beast\b", "Beast stays out of public headers"),
    (r"include/.*", None, r"(\bopenssl/|boost/asio/ssl\b)", "OpenSSL stays out of public headers"),
    (EVERYWHERE, None, r"\b(boost/)?asio/(detail|impl)/", "only what Asio documents"),
    (EVERYWHERE, None, r"\basio\s*::\s*(experimental\s*::\s*)?detail\b", "only what Asio documents"),
    (EVERYWHERE, None, r"\bboost/asio\.hpp", "include the Asio headers that are used, not all of them"),
    (HEADERS, None, r"\busing\s+namespace\b", "no `using namespace` in headers"),
    (EVERYWHERE, TIME_SOURCE, r"\b(steady_clock|high_resolution_clock|clock)\s*::\s*now\b",
     "only async/time_source reads the clock"),
    (EVERYWHERE, TIME_SOURCE, r"\b((steady|system|high_resolution)_timer|basic_waitable_timer)\b",
     "only async/time_source has a timer"),
    (EVERYWHERE, None, r"\b(awaitable_operators|parallel_group)\b", "too slow, and loses results that race"),
]

SOURCES = {".hpp", ".cpp", ".ipp", ".h", ".hh", ".cc", ".cxx"}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
COMMENT_OR_LITERAL = re.compile(
    r'(?P<comment>//[^\n]*|/\*.*?\*/)'
    r'|(?P<raw>R"(?P<mark>[^()\s\\]*)\(.*?\)(?P=mark)")'
    r'|(?P<text>"(?:\\.|[^"\\\n])*")'
    r"|(?P<char>(?<![0-9A-Fa-f])'(?:\\[^']+|[^'\\\n])')", re.DOTALL)


def code_of(source):
    """The source without comments and without the contents of literals, line for line."""
    def blank(found):
        line = source[source.rfind("\n", 0, found.start()) + 1:found.start()]
        is_include = found["text"] and INCLUDE.match(line + found["text"])
        return found[0] if is_include else " " + "\n" * found[0].count("\n")
    return COMMENT_OR_LITERAL.sub(blank, source)


def layer_of(name):
    """The layer of one of our files, given by its path in the repository."""
    parts = re.sub(r"^(include/keel|src)/", "", name).split("/")
    return parts[0] if len(parts) > 1 else "flat"


def include_breach(root, name, layer, target):
    """Why the file `name` must not include `target`, or None."""
    if target in FOR_ALL_LAYERS or not re.search(r"[/.]", target):
        return None
    if any(re.fullmatch(file, name) and target.startswith(header) for file, header in ALLOWED):
        return None
    no = f"layer `{layer}` must not include `{target}`"
    private = [normpath(f"{Path(name).parent}/{target}"), f"src/{target}"]
    ours = [place for place in private if (root / place).is_file()]
    if target.startswith("keel/"):
        ours = [f"include/{target}"]
    if not ours:
        return None if any(target.startswith(start) for start in THEIRS[layer]) else no
    other = layer_of(ours[0])
    if other == "flat" and layer != "flat":
        return no + ": flat headers are for users"
    return None if other in LAYERS[layer] else no


def breaches_of(root, name):
    """All breaches of one file as (line, why)."""
    source = (root / name).read_text(encoding="utf-8")
    layer = layer_of(name)
    if layer not in LAYERS:
        yield 1, f"folder `{layer}` has no row in cmake/check_layers.py"
        return
    code = code_of(source)
    for number, line in enumerate(code.splitlines(), 1):
        if (found := INCLUDE.match(line)) and (why := include_breach(root, name, layer, found[1])):
            yield number, why
        for files, excepted, word, why in FORBIDDEN:
            if re.fullmatch(files, name) and not (excepted and re.fullmatch(excepted, name)):
                if found := re.search(word, line):
                    yield number, f"`{found[0].strip()}`: {why}"
    if name.startswith("include/") and not re.search(r"^#pragma once$", code, re.MULTILINE):
        yield 1, "no `#pragma once`"


def main(root):
    files = sorted(path for folder in ("include/keel", "src") for path in (root / folder).rglob("*")
                   if path.suffix in SOURCES)
    if not files:
        sys.exit(f"layers: no sources below {root}")
    breaches = 0
    for name in (path.relative_to(root).as_posix() for path in files):
        for line, why in breaches_of(root, name):
            print(f"{name}:{line}: {why}")
            breaches += 1
    print(f"layers: {len(files)} files, {breaches} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
