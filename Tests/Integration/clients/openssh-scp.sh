#!/bin/sh
# OpenSSH's scp, as it is since version 9: over SFTP. One connection a word.
set -eu
. "$(dirname "$0")/openssh.inc.sh"
# shellcheck disable=SC2086
scp() { command scp $ssh_options -P "$GATE_PORT" "$@"; }
while [ $# -gt 0 ]; do
    case $1 in
    put) scp "$2" "$GATE_USER@$GATE_HOST:$3"; shift 3 ;;
    many) scp "$2"/* "$GATE_USER@$GATE_HOST:"; shift 2 ;;
    tree) scp -r "$2" "$GATE_USER@$GATE_HOST:"; shift 2 ;;
    *) exit 64 ;;
    esac
done
