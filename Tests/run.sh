#!/usr/bin/env bash
# Runs every test. Installs what is missing first.
#
#   Tests/run.sh                  all tests
#   Tests/run.sh --filter NAME    as `swift test --filter`
#   Tests/run.sh --long           the long forms too (more crashes, more clients, more time)
#   Tests/run.sh --performance    the measurements of Tests/Performance, in a release build
set -euo pipefail
cd "$(dirname "$0")/.."

Deploy/packages.sh sqlite3 openssl iproute2 python3 lftp rclone

arguments=()
while [ $# -gt 0 ]; do
    case $1 in
    --long) export LONG_TESTS=1 ;;
    --performance)
        shift
        exec Tests/Performance/run.sh "$@"
        ;;
    -h | --help)
        sed -n '2,8s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *) arguments+=("$1") ;;
    esac
    shift
done

swift build --build-tests
swift test --skip-build "${arguments[@]}"

# The program as a whole, with real clients. A filter names Swift tests; these run in full only.
if [ ${#arguments[@]} -eq 0 ]; then
    GATE_BIN=$(swift build --show-bin-path)/dropgate
    export GATE_BIN
    (cd Tests/Integration && python3 -m unittest -v)
fi
