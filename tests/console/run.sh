#!/usr/bin/env bash
# Tests the console: unit tests (vitest), then the built pages in Debian's chromium. Prints `N passed, N failed`.
#   BEDPLATE_URL=http://127.0.0.1:8080  drive a running bedplate instead of the stand-in; tests that need the
#                                       stand-in's odd answers are left out, and so are the unit tests
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

unit=""
if [ -z "${BEDPLATE_URL:-}" ] && [ $# -eq 0 ]; then
  unit=$(mktemp)
  trap 'rm -f "$unit"' EXIT
  (cd "$root/console" && node node_modules/typescript/bin/tsc -p tsconfig.test.json --noEmit)
  (cd "$root/console" && node node_modules/vitest/vitest.mjs run --reporter=json --outputFile="$unit" >/dev/null 2>&1) || true
fi
CHROMIUM=$chromium UNIT_RESULTS=$unit node console_test.mjs "$@"
