#!/usr/bin/env bash
# Measures a release build beside its peers; `--help` says what. GATE_BIN names a built dropgate.
set -euo pipefail
cd "$(dirname "$0")/../.."
Deploy/packages.sh sqlite3 python3 nginx-light wrk
if [ -z "${GATE_BIN:-}" ]; then
    swift build -c release --product dropgate
    GATE_BIN=$(swift build -c release --show-bin-path)/dropgate
    export GATE_BIN
fi
exec python3 Tests/Performance/measure.py "$@"
