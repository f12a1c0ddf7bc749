#!/bin/sh
# Makes the corpus of each target anew, from what it holds and what run.sh has found: merge.sh [TARGET...]
# Keeps files that together reach all that is known, the smallest where several do, and at most $FUZZ_KEEP (45) of
# them; and every file that somebody has given a name (`broken-...`), for that once broke a law.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
programs=${FUZZ_PROGRAMS:-$here/../build/fuzz/fuzz}
keep=${FUZZ_KEEP:-45}
[ $# -gt 0 ] || set -- $(cd "$here/corpus" && ls)

for target in "$@"; do
    corpus=$here/corpus/$target
    finds=$programs/corpus/$target
    mkdir -p "$finds"
    merged=$(mktemp -d)
    "$programs/fuzz_$target" -set_cover_merge=1 -max_len=1024 -verbosity=0 "$merged" "$corpus" "$finds" 2>"$merged.log" ||
        { cat "$merged.log" >&2 && exit 1; }
    ls "$corpus" | grep -E '^[0-9a-f]{40}$' | while read -r name; do rm "$corpus/$name"; done
    # Names are hashes: their order is as good as chance, and the same each time.
    ls "$merged" | head -n "$keep" | while read -r name; do cp "$merged/$name" "$corpus/"; done
    echo "$target: $(ls "$corpus" | wc -l) of $(ls "$merged" | wc -l) files"
    rm -r "$merged" "$merged.log"
done
