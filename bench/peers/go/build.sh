#!/bin/sh
# Builds DIR/peer from Debian's packages, without a network: build.sh DIR
set -eu
cd "$(dirname "$0")"
command -v go >/dev/null || { echo "go is not installed" >&2; exit 1; }
for library in gopkg.in/eapache/go-resiliency.v1 golang.org/x/time golang.org/x/sync; do
    [ -d "/usr/share/gocode/src/$library" ] || { echo "$library is not installed" >&2; exit 1; }
done
mkdir -p "$1/src/peer"
cp ./*.go "$1/src/peer"
cd "$1/src/peer"
GO111MODULE=off GOPATH="$1:/usr/share/gocode" GOCACHE="$1/cache" go build -p "${JOBS:-1}" -o "$1/peer" peer
