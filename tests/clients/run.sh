#!/usr/bin/env bash
# Drives the server with the official SDKs, unmodified: OpenAI's; Anthropic's in Python and TypeScript, each in its
# newest major and the first; Amazon's boto3 and client-bedrock-runtime. Ends with `N passed, N failed`, over all of them.
#   tests/clients/run.sh [NAME...]      only the Python tests whose name contains one of these
#   BEDPLATE_URL=http://...             a running server instead of one of our own
set -euo pipefail
cd "$(dirname "$0")/../.."
python=$(scripts/peers.sh clients)
node_folder=$(scripts/build_console.sh --print-node)
export PATH="$node_folder:$PATH"

cd tests/clients
lock=$(sha256sum package-lock.json)
if [ "$(cat node_modules/.bedplate 2>/dev/null || true)" != "$lock" ]; then
  npm ci --no-audit --no-fund --ignore-scripts --loglevel=error >/dev/null
  echo "$lock" > node_modules/.bedplate
fi
exec "$python" run_all.py "$@"
