#!/usr/bin/env bash
# Measures the gate beside its peers (nginx; OpenSSH's sftp-server) in one run; README.md says what and why.
#
#   Tests/Performance/run.sh            about 10 minutes; exit status 1 if an aim is missed
#   Tests/Performance/run.sh --short    under a minute: shows that everything works, judges no figure
#
# DROPGATE_BIN names the program (default .build/release/dropgate). More options: --help.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
"$here/../../Deploy/packages.sh" wrk nginx-light python3-minimal
PERFORMANCE_COMMAND="Tests/Performance/run.sh${*:+ $*}" exec python3 -B "$here/measure.py" "$@"
