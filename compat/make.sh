#!/usr/bin/env bash
# Makes a kept sample: a data folder that a given binary writes from the fixed events in app/, with
# what it then answers.
#
#   compat/make.sh target/debug/headwater compat/store1-log1-rules1
#
# The clock is given and every event has its id and time, so the rows, digests and answers are the same
# each time. The log's id, its key and the times of appending are not: a sample is made once and kept.
set -euo pipefail

[ $# = 2 ] || { echo "usage: compat/make.sh BINARY SAMPLE" >&2; exit 2; }
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
BINARY="$(realpath "$1")"
mkdir -p "$2"
SAMPLE="$(realpath "$2")"
[ ! -e "$SAMPLE/data.tar.gz" ] || { echo "make.sh: $SAMPLE is made already; samples are kept" >&2; exit 2; }

unset HEADWATER_URL HEADWATER_DATA
WORK="$(mktemp -d)"
SERVER=""
trap '[ -z "$SERVER" ] || kill "$SERVER" 2>/dev/null || true; rm -rf "$WORK"' EXIT
cd "$WORK"

sql() { "$BINARY" sql --data data --json "$1"; }

# Asks for topology N as an event, so that control decides, whatever the command line would say.
apply() {
    "$BINARY" topology check "$HERE/app/$1/topology" --json >topology.json
    python3 - "$1" >apply.jsonl <<'PY'
import json, sys
topology = json.load(open("topology.json"))["topology"]
print(json.dumps({"specversion": "1.0", "id": f"topology-{sys.argv[1]}", "source": "compat",
    "type": "headwater.topology.apply_requested", "subject": "topology",
    "time": "2026-01-01T00:00:00Z", "data": {"topology": topology}}))
PY
    "$BINARY" produce apply.jsonl --data data >&2 || [ $? = 1 ]
    # Every data partition has its copy, or nothing followed.
    for _ in $(seq 100); do
        sql "select count(distinct coalesce(topology, '')) as n from positions" | grep -q '"n": *1\b' && return
        sleep 0.1
    done
    echo "make.sh: topology $1 did not reach every partition" >&2
    exit 3
}

start() {
    rm -f data/server.json
    "$BINARY" serve --data data "$@" --http 127.0.0.1:0 >server.out 2>&1 &
    SERVER=$!
    until [ -e data/server.json ]; do
        kill -0 "$SERVER" 2>/dev/null || { cat server.out >&2; exit 3; }
        sleep 0.1
    done
}

stop() {
    sleep 1 # what is on its way between partitions arrives
    kill -TERM "$SERVER"
    wait "$SERVER" || true
    SERVER=""
}

# Some events are meant to be refused.
stage() {
    apply "$1"
    "$BINARY" produce "$HERE/app/$1/events.jsonl" --data data >&2 || [ $? = 1 ]
}

start --partitions 2 --clock given --opened-at 2026-01-01T00:00:00Z
stage 1
stage 2
# Begun again, the store has tables as well as a log of its own, and the log a second writer.
stop
start
stage 3
stage 4
# A snapshot becomes the log's origin; what is declared after begins there.
"$BINARY" snapshot create origin --data data >&2
"$BINARY" produce "$HERE/app/5/between.jsonl" --data data >&2
"$BINARY" log trim origin --data data --yes >&2
stage 5
stage 6
for file in tick-1 correction tick-2 late; do
    sleep 1 # a tick comes to every partition before what is late for it
    "$BINARY" produce "$HERE/app/6/$file.jsonl" --data data >&2 || [ $? = 1 ]
done
stop

"$BINARY" replay verify --data data >&2
"$BINARY" digest --data data --json >"$SAMPLE/digests.json"
: >"$SAMPLE/answers.txt"
while read -r query; do
    echo "> $query" >>"$SAMPLE/answers.txt"
    "$BINARY" sql --data data --format csv "$query" >>"$SAMPLE/answers.txt"
done <"$HERE/queries.sql"
rm -rf data/lock data/server.json data/scratch data/store/*/LOG data/store/*/LOG.old.* data/store/*/LOCK
# The log's segments are preallocated: their zeros are not worth keeping.
tar --sort=name --owner=0 --group=0 --numeric-owner --sparse --hole-detection=raw -cf - data | gzip -9n >"$SAMPLE/data.tar.gz"
printf '{\n  "made_by": "%s",\n  "store_opens": true\n}\n' "$("$BINARY" --version)" >"$SAMPLE/about.json"
ls -l "$SAMPLE" >&2
