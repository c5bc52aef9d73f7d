#!/usr/bin/env bash
# Shows the gate at work with real clients, on loopback: a listed source delivers by webhook and by SFTP, an
# unlisted one is refused on both, and the ledger says so.
#
#   Deploy/try.sh           then leaves the gate running until Ctrl-C
#   Deploy/try.sh --once    stops it; exit status 1 if anything was not as it should be
#
# 127.0.0.2 stands in for VSee's 20.21.208.105, 127.0.0.66 for a stranger. It takes no port below 1024, and no
# root beyond installing packages. Its directory is made anew each time: $GATE_TRIAL, or one under $TMPDIR.
# GATE_BIN names a built dropgate, with its dropgate-session beside it, to use in place of building one.
set -euo pipefail
from=$PWD

. "$(dirname "$0")/usage.sh"
check_arguments "--once" "$@"
once=0
if [ $# = 1 ] || [ ! -t 1 ]; then once=1; fi
# Read from where the caller is.
GATE_BIN=$("$(dirname "$0")/gate-bin.sh" --early)
export GATE_BIN
cd "$(dirname "$0")/.."

listed=127.0.0.2 stranger=127.0.0.66
bold='' green='' red='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-}" != dumb ]; then
    bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi
failures=0
step() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
good() { printf '  %sok%s    %s\n' "$green" "$plain" "$*"; }
bad() {
    printf '  %sFAIL%s  %s\n' "$red" "$plain" "$*"
    failures=$((failures + 1))
}
give_up() {
    bad "$*"
    exit 1
}
# expect WHAT COMMAND…: runs a check, says how it ended, and shows what it said if it failed.
expect() {
    local what=$1
    shift
    if "$@" >"$trial/last" 2>&1; then good "$what"; else
        bad "$what"
        sed 's/^/        /' "$trial/last"
    fi
}

step "1. Packages and program"
Deploy/packages.sh
if [ -n "$GATE_BIN" ]; then
    dropgate=$(Deploy/gate-bin.sh)
else
    # The release build where there is one; else the debug build, which is quicker to make and which Tests/run.sh uses.
    if [ -x "$(Deploy/build.sh --path)" ]; then
        kind="release build"
        dropgate=$(Deploy/build.sh)
    else
        kind="debug build; Deploy/build.sh makes the one that is installed"
        debug=$(swift build --show-bin-path)/dropgate
        [ -x "$debug" ] || echo "  the first build takes some minutes on two cores; swift says how far it is:"
        swift build --product dropgate
        dropgate=$debug
    fi
fi
version=$("$dropgate" --version)
good "$version (${kind:-GATE_BIN})"

step "2. A gate of its own"
# Settings of another gate must not reach this one.
for name in "${!DROPGATE_@}"; do unset "$name"; done
trial=${GATE_TRIAL:-${TMPDIR:-/tmp}/dropgate-trial-$(id -u)}
case $trial in /*) ;; *) trial=$from/$trial ;; esac
# The gate believes no list that everybody could write. What is built above has the modes that its builder wants.
umask 077
if [ -e "$trial" ] || [ -L "$trial" ]; then
    if [ -L "$trial" ] || [ ! -O "$trial" ] || [ ! -e "$trial/.dropgate-trial" ]; then
        give_up "$trial is there and is not a trial's directory of yours: set GATE_TRIAL to another one"
    fi
else
    mkdir -m 700 "$trial"
    touch "$trial/.dropgate-trial"
fi
exec 9<"$trial"
flock -n 9 || give_up "another trial runs in $trial: end it, or set GATE_TRIAL to another directory"
find "$trial" -mindepth 1 -maxdepth 1 ! -name .dropgate-trial -exec rm -rf {} +
# ssh splits values of options at spaces and expands % in them, and curl looks for =: they get names within the directory.
cd "$trial"
gate=$trial/gate
export DROPGATE_CONFIG=$gate/dropgate.yaml
"$dropgate" init "$gate" | sed 's/^/  /'
cat >"$gate/sources/stand-in.yaml" <<YAML
# For this trial only: a loopback address that stands in for VSee's.
name: stand-in
entries:
  - {cidr: $listed/32, service: vsee, channels: [webhook, sftp]}
YAML
echo "  The list vsee-qatar has VSee's address, 20.21.208.105, from which nobody here can call. For this trial"
echo "  $listed stands in for it: a second list, stand-in, has that one."
ssh-keygen -q -t ed25519 -N '' -C trial -f "$trial/key"
"$dropgate" account add vsee --key "$trial/key.pub" | sed 's/^/  /'

step "3. The gate starts"
export DROPGATE_WEBHOOK_LISTEN=127.0.0.1:0 DROPGATE_SFTP_LISTEN=127.0.0.1:0 DROPGATE_CONSOLE_LISTEN=127.0.0.1:0
# A trial's files are small: a nearly full disk should not spoil it.
export DROPGATE_STAGING_RESERVE=16MiB
mkfifo "$trial/log"
# Whoever tries it may be root; what it listens on is this machine's alone.
"$dropgate" serve --allow-root 2>"$trial/log" 9<&- &
pid=$!
# Ends the gate as a service manager does; its exit status is this one's.
stop() {
    trap - EXIT INT TERM
    local status=0
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" || status=$?
    wait
    return $status
}
trap 'stop || true' EXIT
trap 'stop || true; exit 130' INT TERM
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
[ $ready = 1 ] || give_up "the gate did not start"
cat <&3 >"$trial/serve.log" &
port() { grep -oE "\"$1\" *: *[0-9]+" "$gate/state/run/ports.json" | grep -oE '[0-9]+$'; }
webhook=https://127.0.0.1:$(port webhook)/webhooks/vsee
sftp_port=$(port sftp)
certificate=$gate/state/tls/certificate.pem
# The gate's host keys, known before the first connection: nothing is taken on trust.
sed "s/^/[127.0.0.1]:$sftp_port /" "$gate"/state/keys/ssh_host_*_key.pub >"$trial/known_hosts"
good "webhooks at $webhook, SFTP at 127.0.0.1 port $sftp_port"

# VSee's documented envelopes.
cat >"$trial/v1.json" <<'JSON'
{"version":"1.0","id":"0b4f2f0c-6a51-4d5e-9f0a-3f6b8f1f9a11","type":"visit.created","created":1546950556,"account_code":"xxx","data":{"id":"28540","member_id":"60610","provider_id":null,"start":"1546950546","end":"1546951446","actual_start":"1546950546","actual_end":"1546950555","status":"40","completed_by":"60610"}}
JSON
cat >"$trial/v2.json" <<'JSON'
{"version":"2.0","id":"5c34979c-30dc-496c-8cd3-6eb9925862c1","type":"visit.ended","created":1546950556,"clinic_code":"xxx","data":{"id":"28540","member_id":"60610","provider_id":null,"start":1546950546,"end":1546951446,"actual_start":1546950546,"actual_end":1546950555,"status":"cancelled","status_updated_by":"60610"}}
JSON
printf 'PID|1|28540\nOBX|1|an encounter file\n' >"$trial/encounter-28540.hl7"

post() { # SOURCE FILE [OPTION…]
    local source=$1 file=$2
    shift 2
    curl --silent --show-error --max-time 20 --interface "$source" --cacert "$certificate" "$@" \
        --header 'Content-Type: application/json' --data-binary "@$file" "$webhook"
}
post_says() { # SOURCE FILE STATUS
    local answer
    answer=$(post "$1" "$2" --write-out 'HTTP %{http_code}') || return 1
    echo "$answer"
    grep -q "\"status\":\"$3\"" <<<"$answer" && grep -q 'HTTP 200' <<<"$answer"
}
post_is_cut() { # SOURCE FILE: 35 is curl's "no TLS". It had begun, and the server must have said nothing of its own
    local status=0
    post "$1" "$2" --verbose >"$trial/cut" 2>&1 || status=$?
    cat "$trial/cut"
    [ $status = 35 ] && grep -q 'Client hello' "$trial/cut" && ! grep -q 'Server hello' "$trial/cut"
}
session() { # SOURCE COMMANDS [OPTION…]: sftp carries them out one after the other
    local source=$1 commands=$2
    shift 2
    sftp -F none -b - "$@" -i key -o IdentitiesOnly=yes -o BindAddress="$source" -o ConnectTimeout=20 \
        -o StrictHostKeyChecking=yes -o UserKnownHostsFile=known_hosts -P "$sftp_port" vsee@127.0.0.1 \
        <<<"$commands"
}
drop() { # SOURCE FILE [OPTION…]
    local source=$1 file=$2
    shift 2
    session "$source" "put $file /" "$@"
}
drop_is_cut() { # SOURCE FILE: connected, and ended before the server's first line
    local status=0
    drop "$1" "$2" -v >"$trial/cut" 2>&1 || status=$?
    cat "$trial/cut"
    [ $status = 255 ] && grep -q 'Connection established' "$trial/cut" &&
        ! grep -q 'Remote protocol version' "$trial/cut"
}

step "4. A listed source, $listed (in place of 20.21.208.105)"
expect "curl posts a v1 event: 200, stored" post_says $listed "$trial/v1.json" stored
expect "curl posts a v2 event: 200, stored" post_says $listed "$trial/v2.json" stored
expect "the v2 event again: 200, duplicate" post_says $listed "$trial/v2.json" duplicate
expect "sftp puts an encounter file" drop $listed encounter-28540.hl7
# An accepted file settles for five seconds before its consumer sees it.
expect "sftp puts a file under a name of its own, and then renames it" \
    session $listed "put encounter-28540.hl7 /lab-28540.hl7.sending
rename /lab-28540.hl7.sending /lab-28540.hl7"
expect "sftp puts the wrong patient's file, and takes it back" \
    session $listed "put encounter-28540.hl7 /wrong-patient.hl7
rm /wrong-patient.hl7"

step "5. A stranger, $stranger, with the same event and the right key"
expect "curl is cut off before TLS" post_is_cut $stranger "$trial/v2.json"
expect "sftp is cut off before SSH" drop_is_cut $stranger encounter-28540.hl7

step "6. What the gate keeps"
staging=$gate/state/staging
# A webhook's file follows its 200, an upload settles first: wait until all four drops are released with their receipts.
released() { find "$staging/receipts" -name '*.json' 2>/dev/null | wc -l; }
deadline=$((SECONDS + 20))
while [ "$(released)" -lt 4 ] && [ $SECONDS -lt $deadline ]; do sleep 0.1; done
is_as_sent() { # FILE PATTERN: exactly one file in ready/ is like the pattern, and it has the bytes of the other
    local found
    found=$(find "$staging/ready" -type f -path "$2")
    echo "found: ${found:-nothing}"
    [ -n "$found" ] && cmp "$1" "$found"
}
expect "the v1 event is in ready/ once, byte for byte" is_as_sent "$trial/v1.json" '*/webhook/*visit.created*'
expect "the v2 event is in ready/ once, byte for byte" is_as_sent "$trial/v2.json" '*/webhook/*visit.ended*'
expect "the encounter file is in ready/, byte for byte" \
    is_as_sent "$trial/encounter-28540.hl7" '*/sftp/vsee/encounter-28540.hl7'
expect "the renamed file is there under its final name, once" \
    is_as_sent "$trial/encounter-28540.hl7" '*/sftp/vsee/lab-28540*'
withdrawn() {
    [ -z "$(find "$staging/ready" -name '*wrong*')" ] &&
        find "$staging/quarantine" -name 'wrong-patient.hl7' | grep .
}
expect "the wrong patient's file never was there; it is in quarantine" withdrawn
# WANTED FILTER…: so many entries match. A rejection is written soon after the connection is closed, not before.
count() {
    local wanted=$1 found deadline=$((SECONDS + 20))
    shift
    while true; do
        found=$("$dropgate" attempts --format jsonl "$@") || return 1
        [ "$(grep -c . <<<"$found")" != "$wanted" ] || return 0
        [ $SECONDS -lt $deadline ] || break
        sleep 0.1
    done
    printf 'expected %s entries, found:\n%s\n' "$wanted" "$found"
    return 1
}
expect "the ledger has $listed: 2 events, 3 files, 3 logins, all accepted as listed" \
    count 8 --source $listed --verdict accepted --reason listed
expect "the ledger has the rename" count 1 --source $listed --verdict accepted --reason renamed
expect "the ledger has what was taken back" count 1 --source $listed --verdict accepted --reason withdrawn
expect "the ledger has the repeated event as duplicate" count 1 --source $listed --reason duplicate
expect "the ledger has $stranger on both channels: rejected, not_listed" \
    count 2 --source $stranger --verdict rejected --reason not_listed
expect "the ledger has nothing else of either" count 13 --source $listed --source $stranger
expect "every released file agrees with the ledger" "$dropgate" drops verify
proven() { # the head is signed now, and the whole ledger is held against that checkpoint
    "$dropgate" ledger checkpoint >"$trial/checkpoint" &&
        "$dropgate" ledger verify --checkpoint "$trial/checkpoint" --key "$gate/state/keys/ledger.key.pub"
}
expect "the ledger verifies against a signed checkpoint that is kept elsewhere" proven

step "dropgate attempts"
"$dropgate" attempts
step "Files in ready/"
(cd "$staging/ready" && find . -type f | sort | sed 's|^\./|  |')
step "The receipt of the encounter file"
receipt=$(grep -l encounter-28540 "$staging"/receipts/*.json | head -n 1) || true
# One flat object: a line for each member.
[ -z "$receipt" ] || sed 's/^{/{\n  /; s/,"/,\n  "/g; s/}$/\n}/' "$receipt"

step "7. Can VSee reach us? dropgate probe, as $listed"
shown() { # WHAT COMMAND…: as expect, and what the command said is shown
    local what=$1
    shift
    if "$@" >"$trial/last" 2>&1; then good "$what"; else bad "$what"; fi
    sed 's/^/        /' "$trial/last"
}
host_key=$(ssh-keygen -lf "$gate/state/keys/ssh_host_ed25519_key.pub" | cut -d' ' -f2)
cut_off() { # COMMAND…: the probe says what an unlisted address gets
    local status=0
    "$@" || status=$?
    [ $status = 1 ] && grep -q closed_at_once "$trial/last"
}
shown "webhook: every step works" "$dropgate" probe webhook "$webhook" --source $listed --ca "$certificate"
shown "SFTP: every step works" "$dropgate" probe sftp "127.0.0.1:$sftp_port" --source $listed --user vsee \
    --key "$trial/key" --host-key "$host_key"
shown "as $stranger: the probe says why it is cut off" cut_off "$dropgate" probe webhook "$webhook" --source $stranger
# The event, the login and the upload.
expect "probes are in the ledger" count 3 --kind probe --source $listed --verdict accepted
nothing_new() { [ "$(released)" = 4 ]; }
expect "and nothing of them is in ready/" nothing_new
step "8. The console, for people"
console=http://127.0.0.1:$(port console)
signs_in() { # the overview, for who has the token, says how the gate is
    curl -sS --cookie-jar cookies --data-urlencode token@gate/state/console.token -o /dev/null "$console/login" \
        && curl -sS --cookie cookies "$console/" | grep -oE 'The gate accepts\.|All is well\.'
}
stays_out() { [ "$(curl -sS -o /dev/null -w '%{http_code}' "$console/attempts")" = 303 ]; }
shown "signed in with its token, the overview answers" signs_in
expect "without it there is only the sign-in" stays_out
step "dropgate doctor"
# What it warns of is so in a trial: a certificate of its own, loopback, and no call of VSee's yet.
shown "nothing fails" "$dropgate" doctor

if [ $failures = 0 ] && [ $once = 0 ]; then
    typed=$(printf %q "$dropgate")
    cat <<TEXT

${green}All as it should be.${plain} The gate runs until Ctrl-C. In another terminal:

  xdg-open $console     # the console; sign in with the token in $gate/state/console.token
  cd $(printf %q "$trial")
  export DROPGATE_CONFIG=$(printf %q "$DROPGATE_CONFIG")
  $typed attempts --follow
  $typed source explain $stranger
  $typed rules export --direction ingress --format nftables
  $typed report
  $typed ledger verify --checkpoint checkpoint
  curl --interface $listed --cacert gate/state/tls/certificate.pem ${webhook%/webhooks/vsee}/reachability
  sftp -i key -o BindAddress=$listed -o UserKnownHostsFile=known_hosts -P $sftp_port vsee@127.0.0.1
TEXT
    # Ctrl-C ends the wait; the gate ignores it where the shell started it so, and gets TERM below.
    trap : INT TERM
    wait "$pid" || true
fi

step "The gate stops"
if stop; then good "with exit status 0"; else bad "with exit status $?"; fi
expect "the ledger has its start and its stop" count 2 --kind service
if [ $failures -gt 0 ]; then
    printf '\n%s%s of the above were not as they should be.%s The gate said:\n' "$red" $failures "$plain"
    cat "$trial/serve.log"
    exit 1
fi
printf '\n%sAll as it should be.%s\n' "$green" "$plain"
