#!/usr/bin/env bash
# Measures the gate beside its peers (nginx; OpenSSH's sftp-server) in one run; README.md says what and why.
#
#   Tests/Performance/run.sh            about 10 minutes; exit status 1 if an aim is missed
#   Tests/Performance/run.sh --short    under a minute: shows that everything works, judges no figure
#   Tests/Performance/run.sh --floods   a listed client's waiting time under each flood (floods.py); 16 minutes
#   Tests/Performance/run.sh --refusals refused connections a second, beside HAProxy's (refusals.py)
#
# DROPGATE_BIN names the program (default .build/release/dropgate). More options: --help.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
case ${1-} in
--floods | --refusals)
    measure=$here/${1#--}.py
    shift
    "$here/../../Deploy/packages.sh" gcc haproxy openssh-client python3-minimal
    exec python3 -B "$measure" "$@"
    ;;
esac
"$here/../../Deploy/packages.sh" wrk nginx-light python3-minimal
PERFORMANCE_COMMAND="Tests/Performance/run.sh${*:+ $*}" exec python3 -B "$here/measure.py" "$@"
