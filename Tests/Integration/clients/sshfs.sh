#!/bin/sh
# sshfs: the gate is mounted, and what everybody has at hand writes into it.
set -eu
. "$(dirname "$0")/openssh.inc.sh"
mount=$(mktemp -d "$TMPDIR/mount.XXXXXX")
# shellcheck disable=SC2086
sshfs -f $ssh_options -p "$GATE_PORT" "$GATE_USER@$GATE_HOST:" "$mount" &
sshfs=$!
leave() {
    status=$?
    # Asked by their status alone: sshfs ends when it is unmounted, or has ended by itself.
    fusermount3 -u "$mount" || status=1
    wait $sshfs || status=1
    exit $status
}
trap leave EXIT
until mountpoint -q "$mount"; do
    kill -0 $sshfs || exit 1
done
while [ $# -gt 0 ]; do
    case $1 in
    put) cp "$2" "$mount/$3"; shift 3 ;;
    many) cp "$2"/* "$mount/"; shift 2 ;;
    tree) cp -r "$2" "$mount/"; shift 2 ;;
    deliver) cp "$2" "$mount/$3"; mv "$mount/$3" "$mount/$4"; shift 4 ;;
    resume) tail -c +$(($(stat -c %s "$mount/$3") + 1)) "$2" >>"$mount/$3"; shift 3 ;;
    check) [ "$(stat -c %s "$mount/$3")" = "$(stat -c %s "$2")" ]; shift 3 ;;
    *) exit 64 ;;
    esac
done
