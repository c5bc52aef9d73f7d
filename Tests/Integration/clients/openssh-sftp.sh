#!/bin/sh
# OpenSSH's sftp: the words become its commands, in one session.
set -eu
. "$(dirname "$0")/openssh.inc.sh"
. "$(dirname "$0")/listing.inc.sh"
commands=$(
    while [ $# -gt 0 ]; do
        case $1 in
        put) printf 'put "%s" "%s"\n' "$2" "$3"; shift 3 ;;
        many) printf 'put "%s"/*\n' "$2"; shift 2 ;;
        tree) printf 'put -r "%s"\n' "$2"; shift 2 ;;
        deliver) printf 'put "%s" "%s"\nrename "%s" "%s"\n' "$2" "$3" "$3" "$4"; shift 4 ;;
        resume) printf 'reput "%s" "%s"\n' "$2" "$3"; shift 3 ;;
        check) printf 'ls -ln "%s"\n' "$3"; shift 3 ;;
        *) exit 64 ;;
        esac
    done
)
# A batch (-b) would forbid the password; without one a failed command does not end sftp, so it is used with a key.
if [ -n "$GATE_KEY" ]; then batch="-b -"; else batch=; fi
status=0
# shellcheck disable=SC2086
output=$(printf '%s\n' "$commands" | sftp $batch $ssh_options -P "$GATE_PORT" "$GATE_USER@$GATE_HOST") || status=$?
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
