#!/usr/bin/env bash
# Puts what the build needs beside Rust and a C++ compiler into the cache, pinned, and prints the
# environment that cargo needs:
#
#   eval "$(ops/toolchain.sh)"     then `cargo …` works in this shell as it does in make
set -euo pipefail

HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
CACHE="${HEADWATER_CACHE:-$HOME/.cache/headwater}"
LIBCLANG="$CACHE/libclang-18.1.1"

fail() { echo "toolchain.sh: $*" >&2; exit 3; }

for tool in cargo python3 c++ make; do
    command -v "$tool" >/dev/null || fail "$tool is not on the path; install it and try again"
done

if [ -z "${LIBCLANG_PATH:-}" ]; then
    if [ ! -e "$LIBCLANG/clang/native/libclang.so" ]; then
        mkdir -p "$CACHE"
        fresh="$(mktemp -d "$CACHE/libclang.XXXXXX")"
        echo "installing libclang 18.1.1 to $LIBCLANG" >&2
        python3 -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
            --target "$fresh" -r "$HERE/libclang.txt" >&2 \
            || fail "pip could not install libclang (Debian: apt-get install python3-pip); or set LIBCLANG_PATH to a folder that holds libclang.so"
        # Moved whole, so that nobody sees half of it; if someone was faster, theirs is as good.
        mv -T "$fresh" "$LIBCLANG" 2>/dev/null || rm -rf "$fresh"
    fi
    LIBCLANG_PATH="$LIBCLANG/clang/native"
fi

echo "export LIBCLANG_PATH='$LIBCLANG_PATH'"
# The wheel holds the library without its headers; the C compiler's own will do.
echo "export BINDGEN_EXTRA_CLANG_ARGS='-I$(cc -print-file-name=include)'"
# One target folder for every clone on the machine: the dependencies are built once.
echo "export CARGO_TARGET_DIR='${CARGO_TARGET_DIR:-$CACHE/target}'"
