#!/usr/bin/env bash
# Drives the server with the official SDKs, unmodified: OpenAI's in Python and for Node; Anthropic's in Python and
# TypeScript, each in its newest major and the first; Amazon's boto3 and client-bedrock-runtime; the Vercel AI SDK. And
# holds real exchanges to /openapi.json, with validators that are others' work.
# Ends with `N passed, N failed`, over all of them.
#   tests/clients/run.sh [NAME...]        only the tests whose name contains one of these
#   tests/clients/run.sh --all [NAME...]  LangChain and LiteLLM, too: an environment of 500 MB more
#   BEDPLATE_URL=http://...               a running server instead of one of our own
set -euo pipefail
cd "$(dirname "$0")/../.."
python=$(scripts/peers.sh clients)
if [[ ${1:-} == --all ]]; then
  shift
  BEDPLATE_FRAMEWORKS=$(scripts/peers.sh frameworks)
  export BEDPLATE_FRAMEWORKS
fi
node_folder=$(scripts/build_console.sh --print-node)
export PATH="$node_folder:$PATH"

cd tests/clients
lock=$(sha256sum package-lock.json)
if [ "$(cat node_modules/.bedplate 2>/dev/null || true)" != "$lock" ]; then
  npm ci --engine-strict=false --no-audit --no-fund --ignore-scripts --loglevel=error >/dev/null
  echo "$lock" > node_modules/.bedplate
fi
# The newest majors want a newer Node than the console's build does; npm's package `node` fetches one when it is built.
if (($(node -p 'process.versions.node.split(".")[0]') < 22)); then
  [ -x node_modules/node/bin/node ] || npm rebuild node --loglevel=error >/dev/null
  export PATH="$PWD/node_modules/node/bin:$PATH"
fi
exec "$python" run_all.py "$@"
