#!/bin/sh
# Builds DIR/peer from Debian's librust-tower-dev and librust-tokio-dev, without a network: build.sh DIR
set -eu
cd "$(dirname "$0")"
command -v cargo >/dev/null || { echo "cargo is not installed" >&2; exit 1; }
registry=/usr/share/cargo/registry
for library in tower tokio; do
    ls -d $registry/$library-[0-9]* >/dev/null 2>&1 || { echo "librust-$library-dev is not installed" >&2; exit 1; }
done
mkdir -p "$1/.cargo"
cp -r Cargo.toml src "$1"
cd "$1"
printf '[source.crates-io]\nreplace-with = "debian"\n[source.debian]\ndirectory = "%s"\n' "$registry" \
    > .cargo/config.toml
cargo build --release --offline -q -j "${JOBS:-1}"
ln -sf target/release/peer-tower peer
