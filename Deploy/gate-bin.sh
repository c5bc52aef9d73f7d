#!/usr/bin/env bash
# Says where the program lies that GATE_BIN names, if that is a dropgate which runs here. Else one line on stderr and
# exit status 1. Run from where the name is to be read from.
#
#   Deploy/gate-bin.sh            the program must run
#   Deploy/gate-bin.sh --early    libraries that it needs may still be missing; no GATE_BIN is no fault
set -euo pipefail

. "$(dirname "$0")/usage.sh"
give_up() {
    echo "GATE_BIN: $*; name a built dropgate, or leave GATE_BIN out to have one built" >&2
    exit 1
}

check_arguments "--early" "$@"
early=${1:-}
if [ -z "${GATE_BIN:-}" ]; then
    [ -n "$early" ] || give_up "it is empty"
    exit 0
fi
[ -e "$GATE_BIN" ] || give_up "there is no file $GATE_BIN"
[ -f "$GATE_BIN" ] || give_up "$GATE_BIN is no file"
[ -x "$GATE_BIN" ] || give_up "$GATE_BIN is not executable"
program=$(realpath "$GATE_BIN")
status=0
answer=$(timeout 60 "$program" --version 2>&1 </dev/null | head -c 60 | tr '\0\n' '  ') || status=$?
# 127: the loader did not find a library, which packages may bring yet.
if [ -z "$early" ] || [ $status != 127 ]; then
    [[ $answer =~ ^dropgate\ [0-9][0-9A-Za-z.+~-]*\ *$ ]] ||
        give_up "$GATE_BIN is not dropgate, or cannot run here: \`--version\` says \"${answer%% }\""
fi
printf '%s\n' "$program"
