#!/bin/sh
# lftp over SFTP: the words become its commands, in one session. A tree is `mirror -R`.
set -eu
. "$(dirname "$0")/openssh.inc.sh"
# lftp types the password itself, on a terminal that it makes for ssh.
unset SSH_ASKPASS SSH_ASKPASS_REQUIRE
commands=$(
    # Without an end to its tries a failed command would never end.
    echo "set net:max-retries 2; set net:timeout 20; set cmd:fail-exit yes"
    echo "set sftp:connect-program \"ssh -a -x $ssh_options\""
    printf 'open -p %s -u "%s,%s" sftp://%s\n' "$GATE_PORT" "$GATE_USER" "$GATE_PASSWORD" "$GATE_HOST"
    while [ $# -gt 0 ]; do
        case $1 in
        put) printf 'put "%s" -o "%s"\n' "$2" "$3"; shift 3 ;;
        many) printf 'mput "%s"/*\n' "$2"; shift 2 ;;
        tree) printf 'mirror -R "%s" "%s"\n' "$2" "$(basename "$2")"; shift 2 ;;
        deliver) printf 'put "%s" -o "%s"\nmv "%s" "%s"\n' "$2" "$3" "$3" "$4"; shift 4 ;;
        resume) printf 'put -c "%s" -o "%s"\n' "$2" "$3"; shift 3 ;;
        check) printf 'cls --size --block-size=1 "%s"\n' "$3"; shift 3 ;;
        *) exit 64 ;;
        esac
    done
)
printf '%s\n' "$commands" >"$TMPDIR/commands"
status=0
output=$(lftp -f "$TMPDIR/commands") || status=$?
printf '%s\n' "$output"
[ $status = 0 ] || exit $status

while [ $# -gt 0 ]; do
    case $1 in
    check)
        printf '%s\n' "$output" | awk '{ $1 = $1 } 1' | grep -qxF -- "$(stat -c %s "$2") $3"
        shift 3
        ;;
    put | resume) shift 3 ;;
    deliver) shift 4 ;;
    *) shift 2 ;;
    esac
done
