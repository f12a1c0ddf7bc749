#!/bin/sh
# compare_builds.sh [FILE]: builds keel_simulation with each compiler at each level of optimisation, and lets
# each build run the worlds of FILE (default: hashes.txt beside this script) again. Every build must give the
# same hashes; one that does not names the first seed that differs. Exit status 0 only if none does.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
file=${1:-$here/hashes.txt}
failed=0
for build in g++:-O0 g++:-O2 clang++-19:-O0 clang++-19:-O2; do
    compiler=${build%:*}
    level=${build#*:}
    folder=$root/build/hashes/$compiler$level
    mkdir -p "$folder"
    echo "$compiler $level"
    cmake -S "$root" -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_COMPILER="$compiler" \
        -DCMAKE_CXX_FLAGS="$level -g0" -DKEEL_BUILD_EXAMPLES=OFF >"$folder/build.log" 2>&1 &&
        cmake --build "$folder" --parallel "${JOBS:-1}" --target keel_simulation >>"$folder/build.log" 2>&1 || {
        cat "$folder/build.log"
        exit 2
    }
    "$folder/tests/keel_simulation" --check "$file" >"$folder/found.txt" || failed=1
    grep -v '^seed=' "$folder/found.txt"
done
exit $failed
