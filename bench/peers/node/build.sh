#!/bin/sh
# Makes DIR/peer from npm's packages, among them a Node that is new enough: build.sh DIR
set -eu
cd "$(dirname "$0")"
command -v npm >/dev/null || { echo "npm is not installed" >&2; exit 1; }
mkdir -p "$1"
cp ./*.mjs package.json "$1"
cd "$1"
[ -d node_modules/cockatiel ] || npm install --no-audit --no-fund --silent >npm.log 2>&1 ||
    { echo "npm could not install the packages: $(tail -n 1 npm.log)" >&2; exit 1; }
node=node
[ -x node_modules/node/bin/node ] && node=$1/node_modules/node/bin/node
printf '#!/bin/sh\nexec %s --expose-gc --max-semi-space-size=128 "%s/main.mjs" "$@"\n' "$node" "$1" > peer
chmod +x peer
