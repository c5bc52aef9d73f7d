#!/usr/bin/env bash
# Installs the gate as a systemd service on this Debian machine; starts nothing. Run it again to install a newer
# build: settings, source lists, accounts and state that are there stay as they are, and what is as it should be is
# not touched.
#
#   Deploy/install.sh                    builds what it installs
#   Deploy/install.sh --binary FILE      installs a built dropgate, its dropgate-session beside it: no Swift is needed
#
# GATE_BIN says the same as --binary. It makes /usr/local/bin/dropgate, its session in /usr/local/libexec/dropgate, the user
# dropgate, /etc/dropgate (its settings, lists and accounts), /var/lib/dropgate (its state) and dropgate.service.
set -euo pipefail
# Programs and their directories are for everybody, whatever the caller's new files are.
umask 022

. "$(dirname "$0")/usage.sh"
if [ "${1:-}" = --binary ] && [ $# = 2 ] && [ -n "$2" ]; then
    export GATE_BIN=$2
    shift 2
fi
check_arguments "" "$@"
# Read from where the caller is.
GATE_BIN=$("$(dirname "$0")/gate-bin.sh" --early)
export GATE_BIN
cd "$(dirname "$0")/.."
as_root=()
if [ "$(id -u)" != 0 ]; then as_root=(sudo); fi

if [ -n "$GATE_BIN" ]; then
    Deploy/packages.sh --run
    built=$(Deploy/gate-bin.sh)
else
    Deploy/packages.sh
    built=$(Deploy/build.sh)
fi

changes=0
# put MODE OWNER FILE PLACE: whole or not at all, so that a login meanwhile finds the old one or the new one.
put() {
    local mode=$1 owner=$2 file=$3 place=$4
    if "${as_root[@]}" cmp -s "$file" "$place"; then return 0; fi
    "${as_root[@]}" mkdir -p "${place%/*}"
    "${as_root[@]}" install -o "${owner%:*}" -g "${owner#*:}" -m "$mode" "$file" "$place.new"
    "${as_root[@]}" mv -f "$place.new" "$place"
    echo "installed $place"
    changes=$((changes + 1))
}
# folder MODE OWNER PLACE
folder() {
    if [ "$("${as_root[@]}" stat -c '%a %U:%G' "$3" 2>/dev/null)" = "$1 $2" ]; then return 0; fi
    "${as_root[@]}" install -d -o "${2%:*}" -g "${2#*:}" -m "$1" "$3"
    echo "made $3 ($2, $1)"
    changes=$((changes + 1))
}
# own MODE TEST…: gives what is found in /etc/dropgate to root:dropgate with this mode, unless it is so already.
own() {
    local mode=$1 found
    shift
    found=$("${as_root[@]}" find /etc/dropgate -xdev "$@" '(' ! -user root -o ! -group dropgate -o ! -perm "$mode" ')' \
        -exec chown -h root:dropgate {} + -exec chmod "$mode" {} + -print)
    if [ -z "$found" ]; then return 0; fi
    printf '%s\n' "$found" | sed "s/.*/gave & to root:dropgate ($mode)/"
    changes=$((changes + 1))
}

# An earlier run may have made it for root alone.
folder 755 root:root /usr/local/libexec/dropgate
put 755 root:root "${built%/*}/dropgate-session" /usr/local/libexec/dropgate/dropgate-session
put 755 root:root "$built" /usr/local/bin/dropgate

if ! getent passwd dropgate >/dev/null; then
    "${as_root[@]}" useradd --system --user-group --home-dir /var/lib/dropgate --no-create-home \
        --shell /usr/sbin/nologin dropgate
    echo "made the user dropgate"
    changes=$((changes + 1))
fi
if [ "$(id -u)" = 0 ]; then as_gate=(runuser -u dropgate --); else as_gate=(sudo -u dropgate); fi
# Where the gate looks for it, and of its release; else no login would get further than sshd.
if ! "${as_gate[@]}" /usr/local/libexec/dropgate/dropgate-session --version >/dev/null; then
    echo "The user dropgate cannot run /usr/local/libexec/dropgate/dropgate-session: see who may enter /usr/local/libexec." >&2
    exit 1
fi
# The gate reads its configuration and cannot change it. Earlier versions made it the gate's.
folder 750 root:dropgate /etc/dropgate
# Directories first: from then on nobody but root can plant something for the second line.
own 750 -type d
# What its owner alone may read stays as it is: secrets and keys that settings name.
own 640 -type f -links 1 '(' -path '/etc/dropgate/accounts/*' -o ! -perm 600 ')'
# Once it is there it is the gate's: `dropgate init` gives it to the groups that settings name.
if ! "${as_root[@]}" test -d /var/lib/dropgate; then folder 700 dropgate:dropgate /var/lib/dropgate; fi
if ! "${as_root[@]}" test -e /etc/dropgate/dropgate.yaml; then
    put 640 root:dropgate Config/dropgate.yaml /etc/dropgate/dropgate.yaml
fi
# The gate that runs, where one does; `former` says which one that is.
has_systemd=
if [ -d /run/systemd/system ]; then has_systemd=yes; fi
is_running() { [ -n "$has_systemd" ] && systemctl --quiet is-active dropgate; }
former="The gate that runs is still the former one"
if ! said=$("${as_root[@]}" /usr/local/bin/dropgate init --config /etc/dropgate/dropgate.yaml); then
    printf '%s\n' "$said"
    echo "The programs are installed, but the rest is not: fix the problem above, then run this again." >&2
    if is_running; then
        echo "$former, and it may refuse every SFTP login until then: its sessions are the new release's." >&2
    fi
    exit 1
fi
printf '%s\n' "$said"
if grep -q '^made ' <<<"$said"; then changes=$((changes + 1)); fi
put 644 root:root Deploy/systemd/dropgate.service /etc/systemd/system/dropgate.service
if [ -n "$has_systemd" ] && [ $changes != 0 ]; then "${as_root[@]}" systemctl daemon-reload; fi

echo
version=$(/usr/local/bin/dropgate --version)
if [ $changes = 0 ]; then
    echo "Nothing to change: $version is installed as it should be."
else
    cat <<TEXT
Installed: $version.
To change sources and accounts:                  sudo dropgate …
To ask the gate, as its user:                    sudo -u dropgate dropgate …
When accounts and certificate are there:         sudo systemctl enable --now dropgate
TEXT
fi
if ! is_running; then exit 0; fi
pid=$(systemctl show --property MainPID --value dropgate)
program=$("${as_root[@]}" readlink "/proc/$pid/exe" || true)
# A replaced file is named so (proc_pid_exe(5)). It has the new session under it, which need not understand it.
if [ $changes = 0 ] && [ "$program" = /usr/local/bin/dropgate ]; then exit 0; fi
if ! "${as_gate[@]}" /usr/local/bin/dropgate serve --check --config /etc/dropgate/dropgate.yaml >/dev/null; then
    echo "$former, and this one refuses its settings, see above: fix them first."
fi
echo "$former. To use this one: sudo systemctl restart dropgate"
