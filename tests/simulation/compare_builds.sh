#!/bin/sh
# compare_builds.sh [FILE]: builds keel_simulation with each compiler at each level of optimisation, and lets
# each build run the worlds of FILE (default: hashes.txt beside this script) and compare. Every build must
# give the same hashes. Names the first seed that differs; exit status 0 only if none does.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
file=${1:-$here/hashes.txt}
failed=0
mkdir -p "$root/build"
for build in g++:-O0 g++:-O2 clang++-19:-O0 clang++-19:-O2; do
    compiler=${build%:*}
    level=${build#*:}
    folder=$root/build/hashes-$compiler$level
    cmake -S "$root" -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_COMPILER="$compiler" \
        -DCMAKE_CXX_FLAGS="$level -g0" -DKEEL_BUILD_EXAMPLES=OFF >"$folder.log" 2>&1 || {
        cat "$folder.log"
        exit 2
    }
    cmake --build "$folder" --parallel "${JOBS:-1}" --target keel_simulation >>"$folder.log" 2>&1 || {
        cat "$folder.log"
        exit 2
    }
    echo "$compiler $level:"
    "$folder/tests/keel_simulation" --check "$file" | grep -v '^seed=' || true
    "$folder/tests/keel_simulation" --check "$file" >/dev/null || failed=1
done
exit $failed
