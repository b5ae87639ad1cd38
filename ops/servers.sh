# Sourced by scripts that run tests: builds them, then starts one real Kafka broker and one real S3 server, which
# stop when the script ends. Sets `work`, a folder that goes with it.
# shellcheck shell=bash

work="$(mktemp -d)"
ops/kafka.sh install >/dev/null
ops/s3.sh install >/dev/null
stop_all() {
    ops/kafka.sh stop "$work/kafka" --wipe >/dev/null 2>&1 || true
    ops/s3.sh stop "$work/s3" --wipe >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap stop_all EXIT
echo "building the tests; the first time this takes about half an hour on two cores"
cargo test --workspace --no-run
echo "starting a Kafka broker"
HEADWATER_TEST_KAFKA="$(ops/kafka.sh start "$work/kafka")"
export HEADWATER_TEST_KAFKA
HEADWATER_TEST_S3="$(ops/s3.sh start "$work/s3")"
export HEADWATER_TEST_S3
echo "broker at $HEADWATER_TEST_KAFKA, S3 server at $HEADWATER_TEST_S3"
