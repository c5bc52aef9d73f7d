#!/usr/bin/env bash
# Installs the Debian packages that are named and missing. Nothing missing: no output, no sudo.
# A server that comes this way (sshd, and those that tests use) is not started, now or at boot: the gate and the
# tests run them by themselves. What was there stays as it is: nothing is removed to make room.
#
#   Deploy/packages.sh            what building and running needs
#   Deploy/packages.sh NAME …     that, and these too
#   Deploy/packages.sh --run      what running a built dropgate needs: no Swift, no compiler, no headers
set -euo pipefail
# What is installed is for everybody, whatever the caller's new files are.
umask 022

usage() { sed -n '2,8s/^# \{0,1\}//p' "$0"; }
running=''
if [ "${1:-}" = --run ] && [ $# = 1 ]; then
    running=yes
    shift
fi
for name in "$@"; do
    case $name in
    -h | --help)
        usage
        exit 0
        ;;
    '' | -*)
        usage >&2
        exit 64
        ;;
    esac
done
if [ -n "$running" ]; then
    needed=(libssh2-1 libssl3 libsqlite3-0 libcrypt1 zlib1g ca-certificates openssh-server openssh-client libnss-wrapper)
else
    needed=(libssh2-1-dev libssl-dev libsqlite3-dev libcrypt-dev zlib1g-dev openssh-server openssh-client libnss-wrapper curl
        "$@")
fi
swift_help="see https://www.swift.org/install/linux"

give_up() {
    echo "packages: $*" >&2
    exit 1
}

if [ -z "$running" ]; then
    command -v swift >/dev/null || give_up "swift is not installed, 6.2 or later is needed: $swift_help"
    answer=$(swift --version 2>/dev/null) || give_up "\`swift --version\` fails: $swift_help"
    [[ $answer =~ Swift\ version\ ([0-9]+)\.([0-9]+) ]] || give_up "cannot tell swift's version from: $answer"
    version=${BASH_REMATCH[1]}.${BASH_REMATCH[2]}
    if ((BASH_REMATCH[1] < 6 || (BASH_REMATCH[1] == 6 && BASH_REMATCH[2] < 2))); then
        give_up "swift is $version, 6.2 or later is needed: $swift_help"
    fi
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    then_build=''
    if [ -z "$running" ]; then then_build=", then build with \`swift build -c release\`"; fi
    give_up "this is not a Debian system; install what these are called here$then_build: ${needed[*]}"
fi

# Names of what is installed, and those that it provides: on Debian 13 libssl3 comes as libssl3t64.
there=$(dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' | sed -n 's/^installed //p' | tr ', ' '\n\n')
missing=()
for package in "${needed[@]}"; do
    grep -qxF -e "$package" <<<"$there" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || give_up "missing: ${missing[*]}. Install them as root, or install sudo."
    as_root=(sudo)
fi
echo "packages: installing ${missing[*]}"

# Debian's own switch: invoke-rc.d(8) starts no service while policy-rc.d answers 101. One that is there stays.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap '"${as_root[@]}" rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
    "${as_root[@]}" chmod 755 $policy
fi
get=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
installed() { dpkg-query -W -f '${db:Status-Status} ${binary:Package}\n' | sed -n 's/^installed //p' | LC_ALL=C sort; }
before=$(installed)
"${get[@]}" update
status=0
# A package of this machine that something else would replace stays: this only adds.
"${get[@]}" install -y --no-remove --no-install-recommends "${missing[@]}" </dev/null || status=$?

# What came this way, dependencies included, does not start at boot either: the gate and the tests run servers themselves.
mapfile -t came < <(LC_ALL=C comm -13 <(echo "$before") <(installed))
if [ ${#came[@]} -gt 0 ] && command -v systemctl >/dev/null; then
    mapfile -t units < <(dpkg-query -L "${came[@]}" |
        sed -nE 's:^(/usr)?/lib/systemd/system/([^/@]+\.(service|socket))$:\2:p' | LC_ALL=C sort -u)
    for unit in "${units[@]}"; do
        # Its word, not its exit status: that is 0 for a unit that cannot be disabled, too.
        state=$(systemctl is-enabled "$unit" 2>/dev/null) || true
        if [ "$state" = enabled ]; then
            "${as_root[@]}" systemctl --quiet disable "$unit"
            echo "packages: $unit is left disabled; \`systemctl enable --now $unit\` makes it this machine's own"
        fi
    done
fi
[ $status = 0 ] || give_up "apt-get failed, see above. A package that would have another one removed is not installed here."
