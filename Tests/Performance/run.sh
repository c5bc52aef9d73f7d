#!/usr/bin/env bash
# Measures the gate beside its peers in one run, and prints one table; README.md says what and why.
#
#   Tests/Performance/run.sh            every case, 5 turns, about an hour; exit status 1 if an aim is missed
#   Tests/Performance/run.sh --short    under a minute: shows that every case gives a figure, judges none
#   Tests/Performance/run.sh --only CASE --rounds N --ledger-entries N --gate PROGRAM    (more: --help)
#   Tests/Performance/run.sh --floods   a listed client's waiting time under each flood (floods.py); 16 minutes
#
# As root the servers run as nobody, each turn on an empty ext4 image. DROPGATE_BIN names the program, too (default
# .build/release/dropgate).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
if [ "${1-}" = --floods ]; then
    shift
    Deploy/packages.sh gcc openssh-client python3-minimal
    exec python3 -B "$here/floods.py" "$@"
fi
Deploy/packages.sh python3 gcc libc6-dev openssl e2fsprogs wrk nginx-light haproxy gunicorn python3-flask webhook \
    proftpd-core proftpd-mod-crypto openssh-sftp-server
PERFORMANCE_COMMAND="Tests/Performance/run.sh${*:+ $*}" exec python3 -B "$here/measure.py" "$@"
