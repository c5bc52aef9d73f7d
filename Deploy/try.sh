#!/usr/bin/env bash
# Shows the gate at work with real clients, on loopback: a listed source delivers by webhook and by SFTP, an
# unlisted one is refused on both, and the ledger says so.
#
#   Deploy/try.sh           then leaves the gate running until Ctrl-C
#   Deploy/try.sh --once    stops it; exit status 1 if anything was not as it should be
#
# 127.0.0.2 stands in for VSee's 20.21.208.105, 127.0.0.66 for a stranger. Uses no port below 1024 and no root
# beyond installing packages. State: $GATE_TRIAL or a directory under $TMPDIR, made anew each time.
# GATE_BIN names a built dropgate to use in place of building one.
set -euo pipefail
cd "$(dirname "$0")/.."

once=0
case "${1:-}" in
"") [ -t 1 ] || once=1 ;;
--once) once=1 ;;
*)
    sed -n '2,10s/^# \{0,1\}//p' "$0"
    [ "$1" = --help ] || [ "$1" = -h ] && exit 0
    exit 64
    ;;
esac

bold='' green='' red='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi
failures=0
step() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
good() { printf '  %sok%s    %s\n' "$green" "$plain" "$*"; }
bad() {
    printf '  %sFAIL%s  %s\n' "$red" "$plain" "$*"
    failures=$((failures + 1))
}
# expect WHAT COMMAND…: runs the command quietly and says whether it succeeded.
expect() {
    local what=$1
    shift
    if "$@" >"$trial/last" 2>&1; then good "$what"; else
        bad "$what"
        sed 's/^/        /' "$trial/last"
    fi
}
expect_failure() {
    local what=$1
    shift
    if "$@" >"$trial/last" 2>&1; then
        bad "$what"
        sed 's/^/        /' "$trial/last"
    else good "$what"; fi
}

step "1. Packages and program"
Deploy/packages.sh
if [ -n "${GATE_BIN:-}" ]; then
    dropgate=$GATE_BIN
else
    [ -x .build/release/dropgate ] || echo "  first release build: several minutes on two cores"
    swift build -c release --product dropgate
    dropgate=$(swift build -c release --show-bin-path)/dropgate
fi
good "$("$dropgate" --version | head -n 1 | sed 's/^/dropgate /')"

step "2. A gate of its own"
trial=${GATE_TRIAL:-${TMPDIR:-/tmp}/dropgate-trial-$(id -u)}
if [ -e "$trial" ] && [ ! -e "$trial/.dropgate-trial" ]; then
    echo "$trial exists and is not a trial's directory: set GATE_TRIAL to another one" >&2
    exit 1
fi
rm -rf "$trial"
mkdir -m 700 "$trial"
touch "$trial/.dropgate-trial"
gate=$trial/gate
export DROPGATE_CONFIG=$gate/dropgate.yaml
"$dropgate" init "$gate" | sed 's/^/  /'
cat >"$gate/sources/stand-in.yaml" <<'YAML'
# For this trial only: a loopback address that stands in for VSee's.
name: stand-in
entries:
  - {cidr: 127.0.0.2/32, service: vsee, channels: [webhook, sftp]}
YAML
ssh-keygen -q -t ed25519 -N '' -C trial -f "$trial/key"
"$dropgate" account add vsee --key "$trial/key.pub" | sed 's/^/  /'

step "3. The gate starts"
export DROPGATE_WEBHOOK_LISTEN=127.0.0.1:0 DROPGATE_SFTP_LISTEN=127.0.0.1:0 DROPGATE_CONSOLE_LISTEN=127.0.0.1:0
# A stand-in directory is small: a nearly full disk should not spoil the trial.
export DROPGATE_STAGING_RESERVE=16MiB
mkfifo "$trial/log"
"$dropgate" serve 2>"$trial/log" &
pid=$!
stop() {
    trap - EXIT INT TERM
    kill -TERM "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    rm -f "$trial/log"
}
trap stop EXIT
trap 'stop; exit 130' INT TERM
# The gate says "ready" when it listens; if it ends before, the pipe ends too.
exec 3<"$trial/log"
ready=0
while IFS= read -r -t 60 line <&3; do
    printf '  %s\n' "$line"
    if [ "$line" = ready ]; then
        ready=1
        break
    fi
done
[ $ready = 1 ] || {
    bad "the gate did not start"
    exit 1
}
cat <&3 >"$trial/serve.log" &
port() { grep -oE "\"$1\" *: *[0-9]+" "$gate/state/run/ports.json" | grep -oE '[0-9]+$'; }
webhook=https://127.0.0.1:$(port webhook)/webhooks/vsee
sftp_port=$(port sftp)
sed "s/^/[127.0.0.1]:$sftp_port /" "$gate"/state/keys/ssh_host_*_key.pub >"$trial/known_hosts"
good "webhooks at $webhook, SFTP at 127.0.0.1 port $sftp_port"

cat >"$trial/v1.json" <<'JSON'
{"version":"1.0","id":"0b4f2f0c-6a51-4d5e-9f0a-3f6b8f1f9a11","type":"visit.created","created":1546950556,"account_code":"xxx","data":{"id":"28540","member_id":"60610","provider_id":null,"start":"1546950546","end":"1546951446","actual_start":"1546950546","actual_end":"1546950555","status":"40","completed_by":"60610"}}
JSON
cat >"$trial/v2.json" <<'JSON'
{"version":"2.0","id":"5c34979c-30dc-496c-8cd3-6eb9925862c1","type":"visit.ended","created":1546950556,"clinic_code":"xxx","data":{"id":"28540","member_id":"60610","provider_id":null,"start":1546950546,"end":1546951446,"actual_start":1546950546,"actual_end":1546950555,"status":"cancelled","status_updated_by":"60610"}}
JSON
printf 'PID|1|28540\nOBX|1|an encounter file\n' >"$trial/encounter-28540.hl7"

post() { # SOURCE FILE
    curl --silent --show-error --fail --max-time 20 --interface "$1" --cacert "$gate/state/tls/certificate.pem" \
        --header 'Content-Type: application/json' --data-binary "@$2" "$webhook"
}
post_says() { # SOURCE FILE STATUS
    local answer
    answer=$(post "$1" "$2") && echo "$answer" && grep -q "\"status\":\"$3\"" <<<"$answer"
}
drop() { # SOURCE FILE
    sftp -F none -b - -i "$trial/key" -o IdentitiesOnly=yes -o BindAddress="$1" -o StrictHostKeyChecking=yes \
        -o UserKnownHostsFile="$trial/known_hosts" -o ConnectTimeout=20 -P "$sftp_port" vsee@127.0.0.1 <<<"put $2 /"
}

step "4. A listed source, 127.0.0.2"
expect "curl posts a v1 event: 200, stored" post_says 127.0.0.2 "$trial/v1.json" stored
expect "curl posts a v2 event: 200, stored" post_says 127.0.0.2 "$trial/v2.json" stored
expect "the v2 event again: 200, duplicate" post_says 127.0.0.2 "$trial/v2.json" duplicate
expect "sftp puts an encounter file" drop 127.0.0.2 "$trial/encounter-28540.hl7"

step "5. A stranger, 127.0.0.66"
expect_failure "curl is cut off before TLS" post 127.0.0.66 "$trial/v2.json"
expect_failure "sftp is cut off before SSH" drop 127.0.0.66 "$trial/encounter-28540.hl7"

step "6. What the gate keeps"
ready_dir=$gate/state/staging/ready
# Staging follows the answer: wait until all three drops are released.
deadline=$((SECONDS + 20))
while [ "$(find "$ready_dir" -type f | wc -l)" -lt 3 ] && [ $SECONDS -lt $deadline ]; do read -r -t 0.2 <> <(:) || true; done
expect "the encounter file is in ready/, byte for byte" \
    cmp "$trial/encounter-28540.hl7" "$ready_dir/sftp/vsee/encounter-28540.hl7"
expect "the v2 event is in ready/, byte for byte" \
    cmp "$trial/v2.json" "$(find "$ready_dir/webhook" -name '*visit.ended*')"
count() { # WANTED FILTER…
    local wanted=$1 found
    shift
    found=$("$dropgate" attempts --format jsonl "$@" | wc -l)
    echo "found $found, expected $wanted"
    [ "$found" = "$wanted" ]
}
expect "the ledger has 4 accepted deliveries of 127.0.0.2 and its login" count 5 --source 127.0.0.2/32 --verdict accepted
expect "the ledger has the stranger's 2 attempts as rejected, not_listed" \
    count 2 --source 127.0.0.66/32 --verdict rejected --reason not_listed
expect "every file agrees with its receipt and its entry" "$dropgate" drops verify

printf '\n%sdropgate attempts%s\n' "$bold" "$plain"
"$dropgate" attempts
printf '\n%sfiles in ready/%s\n' "$bold" "$plain"
(cd "$ready_dir" && find . -type f | sort | sed 's|^\./||')
printf '\n%sthe receipt of the encounter file%s\n' "$bold" "$plain"
cat "$(grep -l encounter-28540 "$gate"/state/staging/receipts/*.json | head -n 1)"

if [ $failures -gt 0 ]; then
    printf '\n%s%s of the above were not as they should be.%s The gate said:\n' "$red" $failures "$plain"
    cat "$trial/serve.log"
    exit 1
fi
printf '\n%sAll as it should be.%s\n' "$green" "$plain"
[ $once = 0 ] || exit 0
cat <<TEXT

The gate runs until Ctrl-C. In another terminal:
  export DROPGATE_CONFIG=$DROPGATE_CONFIG
  $dropgate attempts --follow
  $dropgate source explain 127.0.0.66
  curl --interface 127.0.0.2 --cacert $gate/state/tls/certificate.pem ${webhook%/webhooks/vsee}/reachability
TEXT
wait "$pid"
