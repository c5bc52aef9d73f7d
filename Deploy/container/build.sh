#!/usr/bin/env bash
# Builds the container image `dropgate:VERSION` with podman. As root, or as a user that podman can work for.
#
#   Deploy/container/build.sh [DEB]     of this package; without it Deploy/deb.sh makes one
#
# BASE names the image to start from, as in BASE=docker.io/library/debian:12-slim. Without it the base is made here by
# debootstrap (as root): nothing but Debian's own archive is needed then.
set -euo pipefail
# What is in the image is for its user, whatever the caller's new files are.
umask 022
from=$PWD

usage() { sed -n '2,7s/^# \{0,1\}//p' "$0"; }
say() { echo "container: $*" >&2; }
case "$#:${1:-}" in
0:) package='' ;;
1:-h | 1:--help)
    usage
    exit 0
    ;;
1: | 1:-*)
    usage >&2
    exit 64
    ;;
1:/*) package=$1 ;;
1:*) package=$from/$1 ;;
*)
    usage >&2
    exit 64
    ;;
esac
# Before anything is installed.
if [ -z "$package" ]; then
    GATE_BIN=$("$(dirname "$0")/../gate-bin.sh" --early)
    export GATE_BIN
elif ! version=$(dpkg-deb -f "$package" Version 2>/dev/null) || [ "$(dpkg-deb -f "$package" Package)" != dropgate ]; then
    say "$package is not a Debian package of dropgate; Deploy/deb.sh makes one"
    exit 1
fi
cd "$(dirname "$0")/../.."

needed=(podman)
if [ -z "${BASE:-}" ]; then needed+=(debootstrap); fi
# Asks for no toolchain where the package is made already.
for tool in "${needed[@]}"; do
    command -v "$tool" >/dev/null || Deploy/packages.sh "$tool" >&2
done
if [ -z "$package" ]; then
    package=$(Deploy/deb.sh)
    version=$(dpkg-deb -f "$package" Version)
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
base=${BASE:-}
if [ -z "$base" ]; then
    release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    say "a base of Debian $release"
    debootstrap --variant=minbase --include=ca-certificates "$release" "$work/root" >"$work/debootstrap.log" ||
        { tail "$work/debootstrap.log" >&2 && exit 1; }
    echo "deb http://deb.debian.org/debian-security $release-security main" >>"$work/root/etc/apt/sources.list"
    rm -rf "$work/root/var/cache/apt/archives/"*.deb "$work/root/var/lib/apt/lists/"*
    base=localhost/dropgate-base:$release
    tar -C "$work/root" -c . | podman import --quiet - "$base" >/dev/null
fi

mkdir "$work/context"
# COPY keeps modes and makes files root's, and the image runs as another user. A checkout has the modes of its maker's umask.
install -m 755 Deploy/container/{start,healthy} "$work/context"
install -m 644 Deploy/container/Containerfile "$work/context"
install -m 644 "$package" "$work/context/dropgate.deb"
say "image dropgate:$version from $base"
# Docker's format: the other one has no health check.
podman build --format docker --build-arg "BASE=$base" --tag "dropgate:$version" --tag dropgate:latest \
    --file "$work/context/Containerfile" "$work/context" >&2
echo "localhost/dropgate:$version"
