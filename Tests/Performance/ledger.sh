#!/usr/bin/env bash
# Measures a large ledger: what an event costs as it grows, what people ask, the start, verification.
#
#   Tests/Performance/ledger.sh                    a million entries; some minutes
#   Tests/Performance/ledger.sh 10000000           ten million, about 8 GB
#   Tests/Performance/ledger.sh 1000000 DIRECTORY  keeps the ledger there, and measures one that is there
set -euo pipefail
. "$(dirname "$0")/../../Deploy/usage.sh"

case ${1-} in
-h | --help)
    usage
    exit 0
    ;;
esac
entries=${1:-1000000}
if [ $# -gt 2 ] || ! [[ $entries =~ ^[1-9][0-9]*$ ]]; then
    usage >&2
    exit 64
fi
directory=${2-}
cd "$(dirname "$0")/../.."
if [ -z "$directory" ]; then
    directory=$(mktemp -d "${TMPDIR:-/var/tmp}/dropgate-ledger.XXXXXX")
    trap 'rm -rf "$directory"' EXIT
fi
swift build -c release --product ledger-bench >&2
"$(swift build -c release --show-bin-path)/ledger-bench" "$directory" "$entries"
