#!/usr/bin/env bash
# Installs the gate as a systemd service on this Debian machine; starts nothing. Run it again to install a newer
# build: settings, source lists, accounts and state that are there stay as they are.
#
#   Deploy/install.sh
#
# Makes /usr/local/bin/dropgate, its session in /usr/local/libexec/dropgate, the user dropgate, /etc/dropgate (its settings,
# lists and accounts), /var/lib/dropgate (its state) and dropgate.service. GATE_BIN names a built dropgate, with its
# dropgate-session beside it, to use in place of building.
set -euo pipefail

. "$(dirname "$0")/usage.sh"
check_arguments "" "$@"
# Read from where the caller is.
GATE_BIN=$("$(dirname "$0")/gate-bin.sh" --early)
export GATE_BIN
cd "$(dirname "$0")/.."
as_root=()
if [ "$(id -u)" != 0 ]; then as_root=(sudo); fi

Deploy/packages.sh
if [ -n "$GATE_BIN" ]; then
    built=$(Deploy/gate-bin.sh)
else
    built=$(Deploy/build.sh)
fi
"${as_root[@]}" install -D -m 755 "${built%/*}/dropgate-session" /usr/local/libexec/dropgate/dropgate-session
"${as_root[@]}" install -m 755 "$built" /usr/local/bin/dropgate
# Where the gate looks for it, and of its release; else no login would get further than sshd.
/usr/local/libexec/dropgate/dropgate-session --version >/dev/null

if ! getent passwd dropgate >/dev/null; then
    "${as_root[@]}" useradd --system --user-group --home-dir /var/lib/dropgate --no-create-home \
        --shell /usr/sbin/nologin dropgate
fi
# The gate reads its configuration and cannot change it. Earlier versions made it the gate's.
"${as_root[@]}" install -d -o root -g dropgate -m 750 /etc/dropgate
# Directories first: from then on nobody but root can plant something for the second line.
"${as_root[@]}" find /etc/dropgate -xdev -type d -exec chown -h root:dropgate {} + -exec chmod 750 {} +
# What its owner alone may read stays as it is: secrets and keys that settings name.
"${as_root[@]}" find /etc/dropgate -xdev -type f -links 1 '(' -path '/etc/dropgate/accounts/*' -o ! -perm 600 ')' \
    -exec chown -h root:dropgate {} + -exec chmod 640 {} +
"${as_root[@]}" install -d -o dropgate -g dropgate -m 700 /var/lib/dropgate
if [ ! -e /etc/dropgate/dropgate.yaml ]; then
    "${as_root[@]}" install -o root -g dropgate -m 640 Config/dropgate.yaml /etc/dropgate/dropgate.yaml
fi
"${as_root[@]}" /usr/local/bin/dropgate init --config /etc/dropgate/dropgate.yaml
"${as_root[@]}" install -m 644 Deploy/systemd/dropgate.service /etc/systemd/system/dropgate.service
if [ -d /run/systemd/system ]; then "${as_root[@]}" systemctl daemon-reload; fi
cat <<'TEXT'

Installed. To change sources and accounts:       sudo dropgate …
To ask the gate, as its user:                    sudo -u dropgate dropgate …
When accounts and certificate are there:         sudo systemctl enable --now dropgate
TEXT
# It has the new session under it, which need not understand it.
if [ -d /run/systemd/system ] && systemctl --quiet is-active dropgate; then
    echo "The gate that runs is still the old one:         sudo systemctl restart dropgate"
fi
