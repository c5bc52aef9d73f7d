#!/usr/bin/env bash
# Builds dropgate as it is installed, measured and packaged: one release build, one set of flags, one folder. Its session,
# dropgate-session, which dropgate depends on, is built with it and lies beside it.
# What is built already is not built again. Swift tells how far it is; the last line is dropgate's path.
#
#   Deploy/build.sh            builds
#   Deploy/build.sh --path     only says where dropgate lies
set -euo pipefail

. "$(dirname "$0")/usage.sh"
check_arguments "--path" "$@"
cd "$(dirname "$0")/.."

# With Swift's libraries inside: where they are installed there is no toolchain, or not one for their user.
flags=(-c release --static-swift-stdlib --product dropgate)
path=$(swift build "${flags[@]}" --show-bin-path)/dropgate
if [ $# = 0 ]; then
    [ -x "$path" ] || echo "build: the first one takes several minutes on two cores" >&2
    swift build "${flags[@]}" >&2
fi
echo "$path"
