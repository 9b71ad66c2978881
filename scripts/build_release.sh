#!/usr/bin/env bash
# Brings build/release/bin/bedplate up to date: packages, console, binary. Returns in a blink when nothing has changed.
set -euo pipefail
cd "$(dirname "$0")/.."

# Newer than the last good build means work; directories count too, since their time changes when a file comes or goes.
stamp=build/release/.built
if [[ -e $stamp && -x build/release/bin/bedplate ]]; then
  changed=$(find src cmake console scripts/build_console.sh scripts/install_dependencies.sh CMakeLists.txt CMakePresets.json \
    \( -name node_modules -o -name dist \) -prune -o -newer "$stamp" -print -quit)
  [[ -z $changed ]] && exit 0
fi

scripts/install_dependencies.sh build
mkdir -p build/release
touch build/release/.started
scripts/build_console.sh
cmake --preset release -Wno-dev >build/release/configure.log || { cat build/release/configure.log >&2; exit 1; }
# A job of the larger sources takes up to 2 GB; fewer jobs than cores on a machine with little memory.
jobs=$(awk -v cores="$(nproc)" '/MemAvailable/ { fit = int($2 / 1500000); print (fit < 1 ? 1 : fit < cores ? fit : cores) }' /proc/meminfo)
cmake --build --preset release -j "$jobs"
touch -r build/release/.started "$stamp"
