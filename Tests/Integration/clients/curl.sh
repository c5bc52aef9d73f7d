#!/bin/sh
# curl (with libssh2). One process a word. It has no recursion: a tree is a list of uploads of one process.
set -eu
. "$(dirname "$0")/listing.inc.sh"
# Every byte but / by its number: names have spaces and are not ASCII.
url() {
    printf 'sftp://%s:%s/' "$GATE_HOST" "$GATE_PORT"
    printf '%s' "$1" | od -An -v -tx1 | tr -d '\n' | sed 's/ /%/g; s/%2f/\//g'
}
curl() {
    if [ -n "$GATE_KEY" ]; then
        command curl -sS --insecure -u "$GATE_USER:" --key "$GATE_KEY" --pubkey "$GATE_KEY.pub" "$@"
    else
        command curl -sS --insecure -u "$GATE_USER:$GATE_PASSWORD" "$@"
    fi
}
# Uploads each file of standard input, named from the folder $1.
list() {
    while read -r file; do printf 'upload-file = "%s/%s"\nurl = "%s"\n' "$1" "$file" "$(url "$file")"; done |
        curl --ftp-create-dirs --config -
}
while [ $# -gt 0 ]; do
    case $1 in
    put) curl -T "$2" "$(url "$3")"; shift 3 ;;
    many) (cd "$2" && ls) | list "$2"; shift 2 ;;
    tree) (cd "$2/.." && find "$(basename "$2")" -type f) | list "$(dirname "$2")"; shift 2 ;;
    deliver) curl -T "$2" "$(url "$3")" -Q "-rename \"/$3\" \"/$4\""; shift 4 ;;
    resume) curl -C - -T "$2" "$(url "$3")"; shift 3 ;;
    check) listed "$(curl "$(url "")")" "$3" "$2"; shift 3 ;;
    *) exit 64 ;;
    esac
done
