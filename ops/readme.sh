#!/usr/bin/env bash
# Runs every `sh` block of the README, in order, in a scratch folder, with the built binary on the
# path: the README is true or this fails. Blocks marked `sh no-run` (cloning, building) are left out.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
root="$PWD"
work="$(mktemp -d)"
trap 'kill "$(cat "$work/server.pid" 2>/dev/null)" 2>/dev/null || true; rm -rf "$work"' EXIT
awk '/^```sh$/ {on = 1; next} /^```/ {on = 0} on' README.md >"$work/readme.sh"
[ -s "$work/readme.sh" ] || { echo "the README has no commands" >&2; exit 1; }
cd "$work"
export PATH="$CARGO_TARGET_DIR/debug:$PATH" HEADWATER_REPO="$root"
bash -euxo pipefail readme.sh
echo "the README's commands ran: $(grep -cE '^[a-z]' readme.sh) lines"
