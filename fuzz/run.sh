#!/bin/sh
# Fuzzes each target for so many seconds: run.sh [SECONDS] [TARGET...]
# Without SECONDS: $FUZZ_SECONDS, or 30. Without TARGET: all. The programs are those of the preset `fuzz`, or in
# $FUZZ_PROGRAMS. Chance begins at $FUZZ_SEED, or 1: short runs look at much the same inputs each time. What it finds
# new goes to corpus/TARGET beside the programs, and an input that breaks a law to corpus/TARGET.broken. Fails when a
# law was broken.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
programs=${FUZZ_PROGRAMS:-$here/../build/fuzz/fuzz}
seconds=${FUZZ_SECONDS:-30}
case ${1:-} in
    '' | *[!0-9]*) ;;
    *) seconds=$1 && shift ;;
esac
[ $# -gt 0 ] || set -- $(cd "$here/corpus" && ls)

fuzz() # TARGET
{
    finds=$programs/corpus/$1
    mkdir -p "$finds" "$finds.broken"
    set -- "$1" -seed="${FUZZ_SEED:-1}" -max_total_time="$seconds" -max_len=1024 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -verbosity=0 -artifact_prefix="$finds.broken/" "$finds" "$here/corpus/$1"
    [ ! -f "$here/dictionaries/$1" ] || set -- "$@" -dict="$here/dictionaries/$1"
    program=$programs/fuzz_$1
    shift
    "$program" "$@"
}

failed=
for target in "$@"; do
    if [ ! -x "$programs/fuzz_$target" ]; then
        echo "run.sh: there is no program $programs/fuzz_$target; build it: cmake --preset fuzz && cmake --build --preset fuzz" >&2
        exit 2
    fi
    echo "$target: $seconds s; a broken law leaves its input in $programs/corpus/$target.broken"
    fuzz "$target" || failed="$failed $target"
done
[ -z "$failed" ] || { echo "run.sh: broken:$failed" >&2 && exit 1; }
