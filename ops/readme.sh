#!/usr/bin/env bash
# Runs every `sh` block of the README, in order, in a scratch folder, with the built binary on the
# path: the README is true or this fails. Blocks marked `sh no-run` (cloning, building) are left out. The
# pages of docs/ that show commands to try follow, each in a folder of its own.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
root="$PWD"
work="$(mktemp -d)"
trap 'kill "$(cat "$work"/README.md/server.pid 2>/dev/null)" 2>/dev/null || true; rm -rf "$work"' EXIT
export PATH="$CARGO_TARGET_DIR/debug:$PATH" HEADWATER_REPO="$root"
for page in README.md docs/evolution.md; do
    mkdir -p "$work/$page"
    cd "$work/$page"
    awk '/^```sh$/ {on = 1; next} /^```/ {on = 0} on' "$root/$page" >commands.sh
    [ -s commands.sh ] || { echo "$page has no commands" >&2; exit 1; }
    bash -euxo pipefail commands.sh
    echo "the commands of $page ran: $(grep -cE '^[a-z]' commands.sh) lines"
done
