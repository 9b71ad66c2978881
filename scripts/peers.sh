#!/usr/bin/env bash
# Makes the virtual environments of what Bedplate is measured and checked against, and prints the Python inside.
#
#   scripts/peers.sh llama       llama-cpp-python, compiled for this very machine (minutes)
#   scripts/peers.sh reference   torch, transformers, gguf, tokenizers: the fp32 reference and the tokenizers' oracle
#   scripts/peers.sh clients     the official SDKs that tests/clients drive the server with
#
# They live in build/peers/. An environment that exists elsewhere is used instead when BEDPLATE_PEER_LLAMA,
# BEDPLATE_PEER_REFERENCE or BEDPLATE_PEER_CLIENTS names its folder.
set -euo pipefail
# Rivals that are compiled want a compiler under the usual names; a machine that only ./run prepared has clang-19 alone.
command -v c++ >/dev/null || export CC=clang-19 CXX=clang++-19
cd "$(dirname "$0")/.."

name=${1:-}
case $name in
  llama) given=${BEDPLATE_PEER_LLAMA:-} ;;
  reference) given=${BEDPLATE_PEER_REFERENCE:-} ;;
  clients) given=${BEDPLATE_PEER_CLIENTS:-} ;;
  *)
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
if [[ -n $given ]]; then
  echo "$given/bin/python"
  exit 0
fi

venv=build/peers/$name
if [[ ! -e $venv/.complete ]]; then
  echo "peers: making $venv (once)" >&2
  mkdir -p build/peers
  python3 -m venv --clear "$venv"
  pip=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check)
  case $name in
    llama)
      # The wheel on the index is built for an old CPU; the rival deserves this one.
      PATH="$PATH" CMAKE_ARGS="-DGGML_NATIVE=ON" "${pip[@]}" --no-binary llama-cpp-python llama-cpp-python==0.3.36 >&2
      ;;
    reference)
      # A CPU wheel of torch, where the index offers one by its plain name, is a tenth of the size; any torch will do.
      "${pip[@]}" torch transformers==5.23.0 tokenizers==0.23.3 gguf==0.19.0 jinja2 sentencepiece protobuf >&2
      ;;
    clients) "${pip[@]}" -r tests/clients/requirements.txt >&2 ;;
  esac
  touch "$venv/.complete"
fi
echo "$PWD/$venv/bin/python"
