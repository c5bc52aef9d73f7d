#!/bin/bash
# A consumer of Dropgate's drops: takes each file from ready/ by one rename, has a command make a result of it, acknowledges it,
# and goes on. Killed at any moment, it goes on where it was: no drop is lost, and no drop has two results.
#
#   consume.sh [--once] STAGING WORK RESULTS COMMAND [ARGUMENT…]
#
#   STAGING   the gate's staging directory
#   WORK      a directory of this consumer's own on the filesystem of STAGING: taking is a rename
#   RESULTS   where results appear, whole, as RESULTS/<drop id>; when the result is there, the drop has been processed
#   COMMAND   is run as: COMMAND [ARGUMENT…] DATA RECEIPT OUT. It reads the file DATA and its RECEIPT, writes OUT, and ends
#             with status 0. After a crash it may run again for the same drop: what it does beside writing OUT must bear that,
#             for which the drop's id (the name of OUT) serves as a key. Its standard input is empty.
#   --once    ends when nothing is left in ready/; without it, ready/ is looked at again and again
#
# Environment: DROPGATE (the program), CONFIG (its settings), INTERVAL (seconds between two looks).
# It runs as the gate's user and asks the gate's program; or, with API (http://127.0.0.1:8080) and TOKEN_FILE (what `dropgate
# token add NAME --role consumer` printed), as a user of the group in `staging.group`, and asks the gate's API. WORK is then
# STAGING/taken/NAME. It is for `staging.layout: file`; consume.py takes batches, too.
set -uo pipefail
umask 077

dropgate=${DROPGATE:-dropgate}
config=${CONFIG:-/etc/dropgate/dropgate.yaml}
interval=${INTERVAL:-2}
api=${API:+${API%/}/api/v1/drops}

say() { printf 'consume: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

once=false
if [ "${1-}" = --once ]; then once=true; shift; fi
[ $# -ge 4 ] || fail 'usage: consume.sh [--once] STAGING WORK RESULTS COMMAND [ARGUMENT…]'
staging=$1 work=$2 results=$3
shift 3
command=("$@")

if [ -n "$api" ]; then
    command -v curl >/dev/null || fail 'curl is needed to ask the API'
    [ -n "${TOKEN_FILE-}" ] || fail 'with API, TOKEN_FILE names the file with the token'
    token=$(cat "$TOKEN_FILE") || fail "the token cannot be read from $TOKEN_FILE"
else
    command -v "$dropgate" >/dev/null || fail "the gate's program cannot be run: $dropgate; name it in DROPGATE"
fi
[ -d "$staging/ready" ] || fail "$staging/ready is not there, or may not be entered: is $staging the gate's staging directory?"
[ -r "$staging/ready" ] && [ -x "$staging/ready" ] || fail "$staging/ready may not be read: run this as the gate's user, or as one of the group in staging.group"
mkdir -p "$work" "$results" || fail "$work and $results are needed, and cannot be made"
[ -w "$results" ] && [ -x "$results" ] || fail "$results may not be written to"
[ "$(stat -c %d "$work")" = "$(stat -c %d "$staging/ready")" ] || fail "$work is on another filesystem than $staging"
# Two of them would each go on with what the other has in hand. A command that outlives this script has the lock, too.
{ exec 9>"$work/lock"; } 2>/dev/null || fail "$work may not be written to"
flock -w 60 9 || fail "another consumer works in $work"

# Asks the API; the token is on no command line.
ask() { curl -fsS --max-time 60 -K <(printf 'header = "Authorization: Bearer %s"\n' "$token") "$@"; }

# One fact of a drop, by its id or its file's path: a member's name, then its value.
fact() {
    if [ -z "$api" ]; then
        "$dropgate" drops show "$1" --config "$config" | awk -v name="$2" '$1 == name && !found++ { print $2 }'
    else
        # A quotation mark within a value is \" in JSON: what is found is a member.
        case $1 in
        */*) ask -G "$api/at" -d limit=1 --data-urlencode "path=$1" ;;
        *) ask "$api/$1" ;;
        esac | grep -o "\"$2\":\"[^\"]*\"" | awk -F '"' 'NR == 1 { print $4 }'
    fi
}

acknowledge() {
    if [ -z "$api" ]; then "$dropgate" drops ack "$1" --config "$config"; else ask -X POST "$api/$1/acknowledge"; fi
}

# Prints the receipt of the drop $2, whose file is at $1. Events that lie in a directory of their own have one file of receipts,
# with a line for each.
receipt() {
    local below=${1#"$staging/ready/"}
    case $below in
    webhook/*/*/*) grep -aF "\"drop\":\"$2\"" "$staging/receipts/${below%/*}.ndjson" ;;
    *) cat "$staging/receipts/$2.json" ;;
    esac
}

# Takes the file at a path under ready/. Everything about a drop is in WORK/<drop id>: its receipt first, then its data.
take() {
    local path=$1 id place said
    id=$(fact "$path" drop)
    [ -n "$id" ] || { say "no drop is known at $path; it is left there"; return 1; }
    place=$work/$id
    mkdir -p "$place"
    receipt "$path" "$id" > "$place/receipt.json.new" && mv "$place/receipt.json.new" "$place/receipt.json" ||
        { say "the receipt of drop $id cannot be copied; its file is left at $path"; return 1; }
    grep -q "\"drop\":\"$id\"" "$place/receipt.json" ||
        { say "the receipt of drop $id is broken; its file is left at $path"; return 1; }
    printf %s "$path" > "$place/path"
    said=$(mv -nT "$path" "$place/data" 2>&1)
    if [ ! -e "$place/data" ]; then
        rm -rf "$place"
        if [ -e "$path" ]; then say "$path cannot be taken: $said"; return 1; fi
        # Its sender was quicker, and has renamed it or taken it back.
        return 0
    fi
    sync "$place/data" "$place"
    finish "$id"
}

# Goes on with a drop that was taken, wherever it was left.
finish() {
    local id=$1 place=$work/$1 path state expected
    [ -e "$place/data" ] || { rm -rf "$place"; return 0; }
    for _ in {1..100}; do
        state=$(fact "$id" state)
        # The ledger's mark of a release comes a moment after the file.
        [ "$state" = pending ] || break
        sleep 0.1
    done
    case $state in
    taken | acknowledged | forgotten) ;;
    released | withdrawn)
        # Between the look and the rename its sender has renamed or removed it, and sent another file under this name.
        path=$(cat "$place/path"; printf x)
        path=${path%x}
        say "the file at $path is not drop $id any more; it goes back"
        mv -nT "$place/data" "$path"
        [ -e "$place/data" ] && return 1
        rm -rf "$place"
        return 0
        ;;
    *) say "the gate does not say what became of drop $id; it is tried again"; return 1 ;;
    esac
    if [ ! -e "$results/$id" ]; then
        expected=$(fact "$id" sha256)
        [ -n "$expected" ] ||
            { say "the gate does not say the SHA-256 of drop $id; its data are left in $place"; return 1; }
        [ "$(sha256sum < "$place/data" | cut -d' ' -f1)" = "$expected" ] ||
            { say "$place/data is not what the receipt says; it is left there"; return 1; }
        rm -f "$place/$id"
        # Its standard input would be the list of files that are still to be taken.
        "${command[@]}" "$place/data" "$place/receipt.json" "$place/$id" </dev/null || { say "the command failed for drop $id"; return 1; }
        # From here on the drop has been processed, whatever happens.
        sync "$place/$id" && mv -fT "$place/$id" "$results/$id" && sync "$results" || return 1
    fi
    if [ "$state" = taken ]; then
        acknowledge "$id" >/dev/null || { say "drop $id is not acknowledged yet"; return 1; }
    fi
    rm -rf "$place"
}

# Writes the paths of all files in ready/ to WORK/list, each with a NUL behind it. A directory that is removed in the meantime, such as
# that of a batch whose files were all taken, also makes find fail; so only a failure that stays is reported.
list() {
    local said
    for _ in 1 2 3; do
        said=$(find "$staging/ready" -ignore_readdir_race -type f -print0 2>&1 >"$work/list") && return
    done
    # A directory that may not be read holds files that are not seen.
    say "not all of $staging/ready can be read: $said"
    return 1
}

pass() {
    local path place ok=true
    for place in "$work"/*/; do
        [ -d "$place" ] && { finish "$(basename "$place")" || ok=false; }
    done
    list || ok=false
    {
        rm "$work/list"
        while IFS= read -r -d '' path; do
            case $path in
            "$staging"/ready/webhook/*.ndjson) say "$path is a batch; consume.py takes it" ;;
            *) take "$path" || ok=false ;;
            esac
        done
    } < "$work/list"
    $ok
}

if $once; then
    pass
else
    while :; do
        pass
        sleep "$interval"
    done
fi
