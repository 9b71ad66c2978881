#!/usr/bin/env bash
# Tests the console: unit tests (vitest), then the built pages in Debian's chromium, on a stand-in of the API with odd
# answers and on the real server with tenants and books (stand_in.cc). Prints `N passed, N failed`.
#   BEDPLATE_URL=http://127.0.0.1:8080  drive a running bedplate instead of both; tests that need more than it has
#                                       are left out, and so are the unit tests
#   BEDPLATE_KEY=KEY                    the key of its operator's owner, where it has tenants
#   BEDPLATE_PRESET=dev                 the build that the stand-in's program is taken from, instead of release
#   CHROMIUM=PATH                       another browser
#   arguments                           only browser tests whose name contains one of them
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)

"$root/scripts/build_console.sh" --tests
node_folder=$("$root/scripts/build_console.sh" --print-node)
export PATH="$node_folder:$PATH"

chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || true)}
if [ -z "$chromium" ]; then
  echo "console tests: no chromium here; on Debian: apt-get install chromium" >&2
  exit 1
fi

lock=$(sha256sum package-lock.json)
if [ "$(cat node_modules/.bedplate 2>/dev/null || true)" != "$lock" ]; then
  npm ci --no-audit --no-fund --ignore-scripts --loglevel=error >/dev/null
  echo "$lock" > node_modules/.bedplate
fi

unit="" stand_in=""
if [ -z "${BEDPLATE_URL:-}" ]; then
  preset=${BEDPLATE_PRESET:-release}
  if [ "$preset" = release ]; then "$root/scripts/build_release.sh"; fi
  (cd "$root" && cmake --build --preset "$preset" --target console_stand_in -- -j "$(nproc)" >build/console_stand_in.log 2>&1) || { cat "$root/build/console_stand_in.log" >&2; exit 1; }
  stand_in=$root/build/$preset/bin/console_stand_in
fi
if [ -z "${BEDPLATE_URL:-}" ] && [ $# -eq 0 ]; then
  unit=$(mktemp)
  trap 'rm -f "$unit"' EXIT
  (cd "$root/console" && node node_modules/typescript/bin/tsc -p tsconfig.test.json --noEmit)
  (cd "$root/console" && node node_modules/vitest/vitest.mjs run --reporter=json --outputFile="$unit" >/dev/null 2>&1) || true
fi
CHROMIUM=$chromium UNIT_RESULTS=$unit CONSOLE_STAND_IN=$stand_in node console_test.mjs "$@"
