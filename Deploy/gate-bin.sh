#!/usr/bin/env bash
# Says where the program lies that GATE_BIN names, if that is a dropgate which runs here and has its dropgate-session beside
# it. Else one line on stderr and exit status 1. Run from where the name is to be read from.
#
#   Deploy/gate-bin.sh            both programs must run
#   Deploy/gate-bin.sh --early    libraries that they need may still be missing; a missing GATE_BIN is not a fault
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

# check_program FILE NAME PATTERN: it runs, and what it says of itself is of that pattern.
check_program() {
    local file=$1 name=$2 pattern=$3 answer status=0
    [ -e "$file" ] || give_up "there is no file $file"
    [ -f "$file" ] || give_up "$file is not a file"
    [ -x "$file" ] || give_up "$file is not executable"
    answer=$(timeout 60 "$(realpath "$file")" --version 2>&1 </dev/null | head -c 60 | tr '\0\n' '  ') || status=$?
    # 127: the loader did not find a library, which packages may bring yet.
    if [ -z "$early" ] || [ $status != 127 ]; then
        [[ $answer =~ $pattern ]] ||
            give_up "$file is not $name, or cannot run here: \`--version\` says \"${answer%% }\""
    fi
}

release='[0-9][0-9A-Za-z.+~-]*'
check_program "$GATE_BIN" dropgate "^dropgate ($release) *\$"
program=$(realpath "$GATE_BIN")
# Both of one release, as the gate itself asks at its start.
if [ -n "${BASH_REMATCH[1]:-}" ]; then release=${BASH_REMATCH[1]//./\\.}; fi
check_program "${program%/*}/dropgate-session" "dropgate-session of that release" \
    "^dropgate-session $release, messages of version [0-9]+ *\$"
printf '%s\n' "$program"
