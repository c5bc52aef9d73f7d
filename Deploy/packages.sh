#!/usr/bin/env bash
# Installs the Debian packages that are named and missing. Nothing missing: no output, no sudo.
# An installed openssh-server is not started: Dropgate runs sshd by itself, one for each connection.
#
#   Deploy/packages.sh            what building and running needs
#   Deploy/packages.sh NAME …     that, and these too
set -euo pipefail

needed=(libssh2-1-dev libssl-dev libsqlite3-dev libcrypt-dev openssh-server openssh-client libnss-wrapper curl "$@")

if ! command -v swift >/dev/null; then
    echo "packages: swift is not installed (6.2 or later is needed): see https://www.swift.org/install/linux" >&2
    exit 1
fi
version=$(swift --version 2>/dev/null | grep -oE 'Swift version [0-9]+\.[0-9]+' | grep -oE '[0-9]+\.[0-9]+')
if [ "$(printf '%s\n6.2\n' "$version" | sort -V | head -n 1)" != 6.2 ]; then
    echo "packages: swift is $version, 6.2 or later is needed: see https://www.swift.org/install/linux" >&2
    exit 1
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "packages: this is not a Debian system; install what these are called here: ${needed[*]}" >&2
    exit 1
fi

missing=()
for package in "${needed[@]}"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
        echo "packages: missing: ${missing[*]}. Install them as root, or install sudo." >&2
        exit 1
    }
    as_root=(sudo)
fi
echo "packages: installing ${missing[*]}"
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
    "${as_root[@]}" chmod 755 $policy
    trap '"${as_root[@]}" rm -f $policy' EXIT
fi
"${as_root[@]}" apt-get -qq update
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
