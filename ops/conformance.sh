#!/usr/bin/env bash
# What takes longer than `make test`: the property tests with many more cases, and every replay case in every
# way, with a crash after each act, on the embedded log and on one real Kafka broker. Says at the end what ran,
# on which revision, and how many of it. Called by `make conformance`, which sets the environment.
#
#   HEADWATER_PROPERTY_CASES   cases of the test `equal` on each log; 200 unless told otherwise
#   PROPTEST_CASES             cases of the crates' own property tests that name no number; 2000 unless told
#   HEADWATER_PROPERTY_SEED    the first case of `equal`, to run the same ones again; else at random
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export HEADWATER_PROPERTY_CASES="${HEADWATER_PROPERTY_CASES:-200}"
export PROPTEST_CASES="${PROPTEST_CASES:-2000}"
started="$(date +%s)"
date="$(date -u +%Y-%m-%dT%H:%M:%SZ)"
revision="$(git rev-parse HEAD)"
[ -z "$(git status --porcelain)" ] || revision="$revision, with changes"
. ops/servers.sh

status=0
# One after the other and with what they print: each case is told as it ends.
cargo test --workspace --test equal -- --nocapture --test-threads=1 2>&1 | tee "$work/equal" || status=$?
cargo test --workspace --no-fail-fast --lib 2>&1 | tee "$work/others" || status=$?
# The program was built with its tests.
"${CARGO_TARGET_DIR:-target}/debug/case" run --every 2>&1 | tee "$work/cases" || status=$?

# `NAME: N cases from SEED on, S s`
cases_on() { sed -n "s/.*every_way_gives_the_same_on_$1: \([0-9]*\) cases from \([0-9]*\) on.*/\1 from \2 on/p" "$work/equal"; }
passed="$(grep -hoE '^test result: .* [0-9]+ passed' "$work/equal" "$work/others" | awk '{ n += $(NF - 1) } END { print n + 0 }')"
failed="$(grep -hoE '[0-9]+ failed' "$work/equal" "$work/others" | awk '{ n += $1 } END { print n + 0 }')"
embedded="$(cases_on embedded)"
kafka="$(cases_on kafka)"
replayed="$(sed -n 's/^cases: //p' "$work/cases")"
echo
echo "$date, revision $revision, $((($(date +%s) - started) / 60)) minutes"
echo "cases of every way on the embedded log: ${embedded:-not all passed}; on the real Kafka broker: ${kafka:-not all passed}"
echo "replay cases: ${replayed:-not all carried out}"
echo "$passed passed, $failed failed"
[ -n "$replayed" ] && [ -n "$embedded" ] && [ -n "$kafka" ] || status=1
exit "$status"
