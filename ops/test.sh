#!/usr/bin/env bash
# Every test of the project, with one real Kafka broker and one real S3 server for those that need them.
# Says at the end how many ran, and how many of them on each. Called by `make test`, which sets the environment.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
. ops/servers.sh

status=0
cargo test --workspace --no-fail-fast 2>&1 | tee "$work/out" || status=$?

# A test ran on a log if its name says so, or the crate that it belongs to.
count() {
    awk -v log_name="$1" '
        /Running .*\(/ { crate = $0 }
        /^test .* \.\.\. ok$/ && ($2 ~ log_name || crate ~ "headwater_log_" log_name) { n++ }
        END { print n + 0 }' "$work/out"
}
passed="$(grep -cE '^test .* \.\.\. ok$' "$work/out" || true)"
failed="$(grep -cE '^test .* \.\.\. FAILED$' "$work/out" || true)"
kafka="$(count kafka)"
s3="$(count on_s3)"
echo
echo "on the embedded log: $(count embedded), on the real Kafka broker: $kafka, on the real S3 server: $s3"
echo "$passed passed, $failed failed"
[ "$passed" -gt 0 ] || { echo "no test ran" >&2; exit 1; }
[ "$kafka" -gt 0 ] || { echo "no test ran on Kafka" >&2; exit 1; }
[ "$s3" -gt 0 ] || { echo "no test ran on the S3 server" >&2; exit 1; }
[ "$status" -eq 0 ] || exit "$status"
echo "next: \`make demo\` shows it at work; the README tells how to begin an app of your own"
