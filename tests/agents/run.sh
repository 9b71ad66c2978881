#!/usr/bin/env bash
# Lets coding agents, unmodified, work through the server with qwen2.5-coder-1.5b. Ends with `N passed, N failed`.
#   tests/agents/run.sh [NAME...]    only the tests whose name contains one of these
set -euo pipefail
cd "$(dirname "$0")"
node_folder=$(../../scripts/build_console.sh --print-node)
export PATH="$node_folder:$PATH"
want=$(sha256sum package.json)
if [ "$(cat node_modules/.bedplate 2>/dev/null || true)" != "$want" ]; then
  # 800 MB: each of them is one program with all that it needs. No lock file: each depends on programs of exactly its own
  # version, one for each kind of machine, and a registry need not have those of all kinds, which `npm ci` insists on.
  npm install --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error >/dev/null
  echo "$want" > node_modules/.bedplate
fi
# No network but loopback: the agents' own servers, lists of models and updates are out of reach.
exec unshare --map-root-user --net python3 agents_test.py "$@"
