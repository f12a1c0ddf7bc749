#!/bin/sh
# Builds DIR/peer from Debian's librust-tower-dev and librust-tokio-dev, without a network: build.sh DIR
set -eu
cd "$(dirname "$0")"
command -v cargo >/dev/null || { echo "cargo is not installed" >&2; exit 1; }
[ -d /usr/share/cargo/registry/tower-0.4.13 ] || { echo "librust-tower-dev is not installed" >&2; exit 1; }
mkdir -p "$1/.cargo"
cp -r Cargo.toml src "$1"
cd "$1"
printf '[source.crates-io]\nreplace-with = "debian"\n[source.debian]\ndirectory = "/usr/share/cargo/registry"\n' \
    > .cargo/config.toml
cargo build --release --offline -q -j "${JOBS:-1}"
ln -sf target/release/peer-tower peer
