#!/usr/bin/env bash
# Builds the program as it is installed, measured and packaged: one release build, one set of flags, one folder.
# What is built already is not built again. Swift tells how far it is; the last line is the program's path.
#
#   Deploy/build.sh            builds
#   Deploy/build.sh --path     only says where the program lies
set -euo pipefail

. "$(dirname "$0")/usage.sh"
check_arguments "--path" "$@"
cd "$(dirname "$0")/.."

# With Swift's libraries inside: where the program is installed there is no toolchain, or not one for its user.
flags=(-c release --static-swift-stdlib --product dropgate)
path=$(swift build "${flags[@]}" --show-bin-path)/dropgate
if [ $# = 0 ]; then
    [ -x "$path" ] || echo "build: the first one takes several minutes on two cores" >&2
    swift build "${flags[@]}" >&2
fi
echo "$path"
