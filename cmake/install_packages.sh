#!/bin/sh
# Makes sure that what a group of targets needs is installed: install_packages.sh build|test|bench|callgrind|peers|ci
# Debian and its relatives: installs what is missing. Elsewhere: says what is needed, and checks the minimum.
set -eu

group=${1:-build}
[ -r /etc/os-release ] && . /etc/os-release

# Debian 12 has two versions of Boost; the one without a number is too old. Later releases have one or more,
# all of them new enough.
boost=
[ "${ID:-}-${VERSION_ID:-}" = debian-12 ] && boost=1.81

build="g++ cmake ninja-build libboost$boost-dev libboost-program-options$boost-dev libspdlog-dev python3 ccache"
tests="libgtest-dev libgmock-dev libboost-json$boost-dev"
bench="libbenchmark-dev"

# Tools that many install by other means than Debian's packages: the package's name, unless the command is there.
unless_found()
{
    command -v "$1" >/dev/null || printf ' %s' "$2"
}

# What Keel is measured against. Those that the distribution does not have are left out, and so is their peer.
peers()
{
    for package in librust-tower-dev librust-tokio-dev $(unless_found cargo cargo) \
        golang-gopkg-eapache-go-resiliency.v1-dev golang-golang-x-time-dev golang-golang-x-sync-dev \
        $(unless_found go golang-go) $(unless_found npm npm); do
        if ! command -v apt-cache >/dev/null || apt-cache policy "$package" | grep -q 'Candidate: [^(]'; then
            printf ' %s' "$package"
        else
            echo "No package $package here; the peer that needs it will be skipped." >&2
        fi
    done
}

case $group in
    build) needed=$build ;;
    test) needed="$build $tests" ;;
    bench) needed="$build $bench" ;;
    callgrind) needed="$build $bench valgrind" ;;
    peers) needed="$build $bench $(peers)" ;;
    ci) needed="$build $tests $bench make git clang-19 libclang-rt-19-dev clang-format-19 clang-tidy-19" ;;
    *) echo "usage: $0 build|test|bench|callgrind|peers|ci" >&2; exit 2 ;;
esac

missing_packages()
{
    for package in $needed; do
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=absent
        [ "$status" = installed ] || printf ' %s' "$package"
    done
}

install_missing()
{
    missing=$(missing_packages)
    [ -n "$missing" ] || return 0

    if [ "$(id -u)" -eq 0 ]; then
        root=
    elif sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null; }; then
        root=sudo
    else
        echo "These packages are missing; as root, run:" >&2
        echo "    apt-get install --no-install-recommends$missing" >&2
        exit 1
    fi

    apt_get="$root env DEBIAN_FRONTEND=noninteractive apt-get -q"
    echo "Installing:$missing"
    $apt_get update || echo "The package lists could not be refreshed; going on with those at hand."
    # Boost 1.81's headers and those of Debian 12's default Boost exclude each other.
    removed=$(apt-get -s install --no-install-recommends $missing | sed -n 's/^Remv \([^ ]*\).*/ \1/p' | tr -d '\n')
    [ -z "$removed" ] || echo "Note: these conflict with the above and will be removed:$removed"
    $apt_get install -y --no-install-recommends $missing
}

# Prints why Keel cannot be built here, or nothing.
obstacle()
{
    compiler=${CXX:-c++}
    command -v cmake >/dev/null || { echo "CMake is not installed"; return; }
    echo 'int main() {}' | $compiler -std=c++20 -x c++ -fsyntax-only - 2>/dev/null ||
        { echo "$compiler does not compile C++20"; return; }
    printf '#include <boost/version.hpp>\n#if BOOST_VERSION < 108100\n#error\n#endif\n' |
        $compiler -x c++ -fsyntax-only - 2>/dev/null || echo "$compiler finds no Boost headers, 1.81 or newer"
}

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
    install_missing
else
    echo "Keel needs, under the names that Debian gives them: $needed"
fi
reason=$(obstacle)
[ -z "$reason" ] || { echo "Keel cannot be built here: $reason." >&2; exit 1; }
