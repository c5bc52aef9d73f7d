#!/bin/sh
# PuTTY's pscp, which uses SFTP where it can. One connection a word.
set -eu
. "$(dirname "$0")/putty.inc.sh"
# shellcheck disable=SC2086
pscp() { command pscp $putty_options "$@"; }
while [ $# -gt 0 ]; do
    case $1 in
    put) pscp "$2" "$GATE_HOST:$3"; shift 3 ;;
    many) pscp "$2"/* "$GATE_HOST:"; shift 2 ;;
    tree) pscp -r "$2" "$GATE_HOST:"; shift 2 ;;
    *) exit 64 ;;
    esac
done
