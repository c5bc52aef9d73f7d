#!/bin/sh
# PuTTY's psftp: the words become its commands, in one session. The first that fails ends it.
set -eu
. "$(dirname "$0")/putty.inc.sh"
. "$(dirname "$0")/listing.inc.sh"
commands=$(
    while [ $# -gt 0 ]; do
        case $1 in
        put) printf 'put "%s" "%s"\n' "$2" "$3"; shift 3 ;;
        many) printf 'mput "%s"/*\n' "$2"; shift 2 ;;
        tree) printf 'put -r "%s"\n' "$2"; shift 2 ;;
        deliver) printf 'put "%s" "%s"\nren "%s" "%s"\n' "$2" "$3" "$3" "$4"; shift 4 ;;
        resume) printf 'reput "%s" "%s"\n' "$2" "$3"; shift 3 ;;
        check) echo ls; shift 3 ;; # a name alone it takes for a folder's
        *) exit 64 ;;
        esac
    done
)
printf '%s\n' "$commands" >"$TMPDIR/commands"
status=0
# shellcheck disable=SC2086
output=$(psftp $putty_options -b "$TMPDIR/commands" "$GATE_HOST") || status=$?
printf '%s\n' "$output"
[ $status = 0 ] || exit $status

while [ $# -gt 0 ]; do
    case $1 in
    check) listed "$output" "$3" "$2"; shift 3 ;;
    put | resume) shift 3 ;;
    deliver) shift 4 ;;
    *) shift 2 ;;
    esac
done
