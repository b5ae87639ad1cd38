#!/usr/bin/env bash
# Every test of the project, with one real Kafka broker for those that need it. Says at the end how
# many ran, and how many of them on the broker. Called by `make test`, which sets the environment.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
work="$(mktemp -d)"
ops/kafka.sh install >/dev/null
trap 'ops/kafka.sh stop "$work/kafka" --wipe >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
echo "starting a Kafka broker"
HEADWATER_TEST_KAFKA="$(ops/kafka.sh start "$work/kafka")"
export HEADWATER_TEST_KAFKA
echo "broker at $HEADWATER_TEST_KAFKA; building and running the tests"

status=0
cargo test --workspace --no-fail-fast 2>&1 | tee "$work/out" || status=$?

count() { grep -cE "$1" "$work/out" || true; }
passed="$(count '^test .* \.\.\. ok$')"
failed="$(count '^test .* \.\.\. FAILED$')"
kafka="$(count '^test .*kafka.* \.\.\. ok$')"
embedded="$(count '^test .*embedded.* \.\.\. ok$')"
echo
echo "on the embedded log: $embedded, on the real Kafka broker: $kafka"
echo "$passed passed, $failed failed"
[ "$passed" -gt 0 ] || { echo "no test ran" >&2; exit 1; }
[ "$kafka" -gt 0 ] || { echo "no test ran on Kafka" >&2; exit 1; }
[ "$status" -eq 0 ] || exit "$status"
echo "next: \`make demo\` shows it at work; docs/ tells more"
