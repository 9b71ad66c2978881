#!/usr/bin/env bash
# Installs the Debian packages that a group of commands needs, and only those that are missing.
#
#   scripts/install_dependencies.sh [build|test|check]...      (default: build)
#
#   build   what ./run compiles and links with
#   test    also what ./test needs: GoogleTest, sanitizer runtimes, a browser, programs that read our books
#   check   also what ./check needs: clang-tidy, clang-format
#
# Debian 12 and 13. When nothing is missing it returns at once, without root and without a network. On another
# system, or to manage packages yourself, set BEDPLATE_SKIP_INSTALL=1.
set -euo pipefail

[[ ${BEDPLATE_SKIP_INSTALL:-} == 1 ]] && exit 0

groups=("${@:-build}")
wants() { [[ " ${groups[*]} " == *" $1 "* ]]; }
for group in "${groups[@]}"; do
  if [[ ! $group =~ ^(build|test|check)$ ]]; then
    echo "install: unknown group $group; there are: build, test, check" >&2
    exit 2
  fi
done

# shellcheck disable=SC1091
release=$(. /etc/os-release 2>/dev/null && echo "${VERSION_ID:-}")
case $release in
  13*) boost=libboost1.88-dev ;;
  *) boost=libboost1.81-dev ;;
esac

packages=(
  clang-19 lld-19 cmake ninja-build ccache pkg-config ca-certificates
  "$boost" libssl-dev libcurl4-openssl-dev libsimdjson-dev libfmt-dev libutf8proc-dev libcli11-dev libedit-dev
  libtomlplusplus-dev libxxhash-dev libsqlite3-dev
)
if wants test || wants check; then
  packages+=(llvm-19 libclang-rt-19-dev libgtest-dev librapidcheck-dev libbenchmark-dev libsimde-dev git curl chromium
    ledger hledger beancount)
fi
if wants check; then
  packages+=(clang-tidy-19 clang-format-19)
fi
# pull and the console's build use the Python that the user's PATH finds, Debian's or another; it needs pip and venv.
if ! command -v python3 >/dev/null || [[ $(command -v python3) == /usr/bin/python3 ]]; then
  packages+=(python3 python3-pip python3-venv)
elif ! python3 -c 'import importlib.util as u, sys; sys.exit(not (u.find_spec("pip") and u.find_spec("venv")))'; then
  echo "install: $(command -v python3) lacks pip or venv; install them there, or put /usr/bin first in PATH" >&2
  exit 1
fi

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  cat >&2 <<MESSAGE
install: this system has no apt-get, so packages can't be installed from here. Bedplate is built and tested on
Debian 12 and 13. What it needs, by Debian's names: ${packages[*]}.
Install their like, then set BEDPLATE_SKIP_INSTALL=1 and run the command again.
MESSAGE
  exit 1
fi

missing=()
states=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${packages[@]}" pkgconf 2>/dev/null || true)
installed=" $(sed -n 's/ installed$//p' <<<"$states" | tr '\n' ' ') "
for package in "${packages[@]}"; do
  [[ $installed == *" $package "* ]] && continue
  [[ $package == pkg-config && $installed == *" pkgconf "* ]] && continue
  missing+=("$package")
done
((${#missing[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "install: missing packages: ${missing[*]}. Not root and no sudo here; as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "install: ${missing[*]}" >&2
install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends -o Dpkg::Use-Pty=0 "${missing[@]}" >&2
}
# A fresh container has empty package lists, and old lists name files that are gone: update, then, only when needed.
have_lists=$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -print -quit 2>/dev/null || true)
if [[ -z $have_lists ]] || ! install; then
  "${as_root[@]}" apt-get update -q >&2
  install
fi
