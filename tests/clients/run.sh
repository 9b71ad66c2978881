#!/usr/bin/env bash
# Drives the server with the official SDKs, unmodified. Ends with `N passed, N failed`.
#   tests/clients/run.sh [NAME...]      only the tests whose name contains one of these
#   BEDPLATE_URL=http://...             a running server instead of one of our own
set -euo pipefail
cd "$(dirname "$0")/../.."
python=$(scripts/peers.sh clients)
exec "$python" tests/clients/openai_test.py "$@"
