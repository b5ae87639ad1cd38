#!/usr/bin/env bash
# One real Kafka broker (KRaft, one node, no container) for tests and benchmarks.
#
#   ops/kafka.sh install               put the jars into the cache; prints their folder
#   ops/kafka.sh start [DIR] [PORT]    start a broker with its data in DIR; prints HOST:PORT once it accepts
#   ops/kafka.sh status [DIR]          prints HOST:PORT and exits 0 if it runs, else exits 1
#   ops/kafka.sh stop [DIR] [--wipe]   stop it; with --wipe remove DIR as well
#   ops/kafka.sh run [DIR] [PORT]      start, then stop and wipe as soon as standard input ends
#   ops/kafka.sh java CLASS [ARG…]     run one of Kafka's own tools
#
# DIR is by default $HEADWATER_CACHE/kafka-data. Without PORT the broker takes a free one. Any number of
# brokers can run at once, each with its own DIR.
set -euo pipefail

VERSION=4.1.1
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
CACHE="${HEADWATER_CACHE:-$HOME/.cache/headwater}"
LIB="$CACHE/kafka-$VERSION/lib"
# A broker starts within 3 s on an idle machine; a test run may keep every core busy meanwhile.
START_SECONDS_MAX=90
# Enough for tests and benchmarks of a few million records; several brokers must fit one machine.
HEAP="${KAFKA_HEAP:-512m}"
# Kafka stops in about 1 s; after this long it's killed, which loses nothing that tests need.
STOP_SECONDS_MAX=15
# Another process may take a port between our look and the broker's bind.
PORT_TRIES_MAX=5

fail() { echo "kafka.sh: $*" >&2; exit 3; }
misuse() { sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }

install() {
    if [ ! -d "$LIB" ]; then
        command -v mvn >/dev/null || fail "failed to install Kafka: mvn is not on the path"
        mkdir -p "$(dirname "$LIB")"
        # To a folder of our own and then moved, so that nobody ever sees half of the jars.
        local fresh
        fresh="$(mktemp -d "$(dirname "$LIB")/lib.XXXXXX")"
        mvn -q -B -f "$HERE/kafka/pom.xml" dependency:copy-dependencies -DoutputDirectory="$fresh" >&2 \
            || { rm -rf "$fresh"; fail "failed to download Kafka $VERSION"; }
        chmod 755 "$fresh"
        # If someone else was faster, theirs is as good: -T makes mv fail instead of nesting.
        mv -T "$fresh" "$LIB" 2>/dev/null || rm -rf "$fresh"
    fi
    [ -d "$LIB" ] || fail "failed to install Kafka to $LIB"
    echo "$LIB"
}

# The broker's java process, if it runs and is ours: the pid may have been given to another process.
running_pid() {
    local pid
    pid="$(cat "$1/broker.pid" 2>/dev/null)" || return 1
    [ -n "$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$1/server.properties" || return 1
    echo "$pid"
}

accepts() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Ports are tried below the range from which the kernel gives ports to clients.
free_port() {
    local port
    for _ in $(seq 100); do
        port=$((10000 + (RANDOM * 32768 + RANDOM) % 20000))
        accepts "$port" || { echo "$port"; return; }
    done
    fail "failed to find a free port"
}

write_config() {
    local dir="$1" port="$2" controller="$3"
    cat >"$dir/server.properties" <<CONFIG
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$dir/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
# A restarted broker is let in only once its former self has timed out, by default after 9 s.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=400
CONFIG
}

java_kafka() {
    # The quotes keep the star for java itself, which reads it as "all jars in this folder".
    exec java "-Xmx$HEAP" -XX:+UseSerialGC -Dlog4j2.configurationFile="$HERE/kafka/log4j2.properties" \
        -cp "$LIB/*" "$@"
}

# Starts on these ports; 1 if the broker ended before it accepted (a port was taken, most likely).
try_start() {
    local dir="$1" port="$2" pid
    write_config "$dir" "$port" "$(free_port)"
    if [ ! -f "$dir/data/meta.properties" ]; then
        local id
        id="$(head -c 16 /dev/urandom | base64 | tr '+/' 'ab' | tr -d '=')"
        (java_kafka kafka.tools.StorageTool format -t "$id" -c "$dir/server.properties") >"$dir/format.log" 2>&1 \
            || { cat "$dir/format.log" >&2; fail "failed to format $dir/data"; }
    fi
    # Away from the caller's terminal, whose interrupt would otherwise reach the broker too.
    (trap '' INT HUP; java_kafka kafka.Kafka "$dir/server.properties") >>"$dir/broker.log" 2>&1 </dev/null &
    pid=$!
    disown "$pid"
    echo "$pid" >"$dir/broker.pid"
    for _ in $(seq $((START_SECONDS_MAX * 10))); do
        kill -0 "$pid" 2>/dev/null || { rm -f "$dir/broker.pid"; return 1; }
        if accepts "$port"; then
            echo "127.0.0.1:$port" >"$dir/address"
            return 0
        fi
        sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
    rm -f "$dir/broker.pid"
    return 1
}

start() {
    local dir="$1" port="${2:-}" tries="$PORT_TRIES_MAX"
    mkdir -p "$dir"
    dir="$(cd "$dir" && pwd)"
    if running_pid "$dir" >/dev/null; then cat "$dir/address"; return; fi
    install >/dev/null
    [ -z "$port" ] || tries=1
    for _ in $(seq "$tries"); do
        if try_start "$dir" "${port:-$(free_port)}"; then cat "$dir/address"; return; fi
    done
    tail -n 20 "$dir/broker.log" >&2
    fail "failed to start a broker in $dir"
}

stop() {
    local dir="$1" wipe="${2:-}" pid
    [ -d "$dir" ] || return 0
    dir="$(cd "$dir" && pwd)"
    if pid="$(running_pid "$dir")"; then
        # What is to be wiped needs no clean end.
        if [ "$wipe" = --wipe ]; then kill -9 "$pid" || true; else kill "$pid" || true; fi
        for _ in $(seq $((STOP_SECONDS_MAX * 10))); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -9 "$pid" 2>/dev/null || true
    fi
    rm -f "$dir/broker.pid" "$dir/address"
    # Only a folder that looks like ours is ever removed.
    if [ "$wipe" = --wipe ] && [ -f "$dir/server.properties" ]; then rm -rf "$dir"; fi
}

status() {
    local dir
    dir="$(cd "$1" 2>/dev/null && pwd)" || exit 1
    running_pid "$dir" >/dev/null || exit 1
    cat "$dir/address"
}

# For test programs: however they end, their end of the pipe closes, and no broker is left behind.
run() {
    trap '' INT HUP
    trap 'stop "$dir" --wipe' EXIT
    start "$1" "${2:-}"
    cat >/dev/null
}

command="${1:-}"
[ -n "$command" ] || misuse
shift
if [ "$command" = java ]; then
    install >/dev/null
    java_kafka "$@"
fi
dir="$CACHE/kafka-data"
if [ -n "${1:-}" ] && [ "${1:-}" != --wipe ]; then dir="$1"; shift; fi
case "$command" in
install) install ;;
start) start "$dir" "${1:-}" ;;
status) status "$dir" ;;
stop) stop "$dir" "${1:-}" ;;
run) run "$dir" "${1:-}" ;;
*) misuse ;;
esac
