#!/bin/sh
# Fuzzes one target for FUZZ_SECONDS (30): run.sh PROGRAM TARGET
# What it finds new goes to corpus/TARGET beside the program, and so does an input that breaks a law.
set -eu

program=$1
target=$2
here=$(cd "$(dirname "$0")" && pwd)
finds=$(dirname "$program")/corpus/$target
mkdir -p "$finds" "$finds.broken"

set -- -max_total_time="${FUZZ_SECONDS:-30}" -max_len=1024 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -verbosity=0 -artifact_prefix="$finds.broken/"
[ ! -f "$here/dictionaries/$target" ] || set -- "$@" -dict="$here/dictionaries/$target"

echo "$target: ${FUZZ_SECONDS:-30} s; a broken law leaves its input in $finds.broken"
exec "$program" "$@" "$finds" "$here/corpus/$target"
