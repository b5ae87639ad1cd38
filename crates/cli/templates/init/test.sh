#!/usr/bin/env bash
# Checks the topology, folds events.jsonl in a fresh data folder, and compares the view with
# expected.csv. Needs no server; leaves nothing behind. Exit code 0: all is as expected.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

headwater="${HEADWATER:-headwater}"
data="$(mktemp -d)"
trap 'rm -rf "$data"' EXIT
unset HEADWATER_URL

echo "1. the topology is sound"
"$headwater" topology check topology >/dev/null

echo "2. the sample events are accepted"
"$headwater" topology apply topology --data "$data/headwater" >/dev/null
"$headwater" produce events.jsonl --data "$data/headwater"

echo "3. the view holds what is expected"
"$headwater" sql --data "$data/headwater" --format csv --read-time 2026-02-01T00:00:00Z \
    'select customer, orders, total, average_total, last_order_at, days_since_last_order
     from customer_orders order by customer' >"$data/actual.csv"
diff -u expected.csv "$data/actual.csv"

echo "4. a replay of the log gives the same view"
"$headwater" replay verify --data "$data/headwater" >/dev/null

echo "all is as expected"
