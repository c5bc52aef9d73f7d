#!/usr/bin/env bash
# Makes the Debian package, dropgate_VERSION_ARCH.deb, and beside it dropgate-dbgsym_…, the symbols that are cut from
# the programs. The last line is the package's path. It runs on the Debian release that it was made on.
#
#   Deploy/deb.sh [DIR]            into DIR; .build/package when none is given
#     --version VERSION            in place of the program's own
#     --lint                       installs and runs lintian; an error of the package is one of this script
#     --for-test                   for programs that need a toolchain to run, and compressed in little time
#
# GATE_BIN names a built dropgate, with its dropgate-session beside it, to use in place of building. DEBFULLNAME and DEBEMAIL
# name the maintainer, else the newest commit's author. The same programs and commit give the same bytes (SOURCE_DATE_EPOCH:
# the commit's time).
set -euo pipefail
umask 022
# It reads words of readelf's, which are translated. With C.UTF-8 they would be, too, where LANGUAGE names a language.
export LC_ALL=C
from=$PWD

give_up() {
    echo "deb: $*" >&2
    exit 1
}
say() { echo "deb: $*" >&2; }

usage() { sed -n '2,12s/^# \{0,1\}//p' "$0"; }
misused() {
    say "$*"
    usage >&2
    exit 64
}

output='' version='' lint='' for_test=''
while [ $# -gt 0 ]; do
    case $1 in
    --version)
        [ $# -gt 1 ] || misused "--version needs a version"
        # deb-version(7), without an epoch, which names of files do not have.
        [[ $2 =~ ^[0-9][0-9A-Za-z.+~-]*$ ]] ||
            misused "--version: \"$2\" is none; it begins with a digit and has letters, digits and . + ~ - only"
        version=$2
        shift
        ;;
    --lint) lint=yes ;;
    --for-test) for_test=yes ;;
    -h | --help)
        usage
        exit 0
        ;;
    -*) misused "there is no option $1" ;;
    '') misused "DIR is empty" ;;
    *)
        [ -z "$output" ] || misused "one DIR is enough"
        case $1 in /*) output=$1 ;; *) output=$from/$1 ;; esac
        ;;
    esac
    shift
done
output=${output:-.build/package}
# Read from where the caller is.
GATE_BIN=$("$(dirname "$0")/gate-bin.sh" --early)
export GATE_BIN
cd "$(dirname "$0")/.."

Deploy/packages.sh dpkg-dev chrpath python3 ${lint:+lintian} >&2
if [ -n "$GATE_BIN" ]; then program=$(Deploy/gate-bin.sh); else program=$(realpath "$(Deploy/build.sh)"); fi
if [ -z "$version" ]; then version=$("$program" --version | cut -d ' ' -f 2); fi
commit=$(git rev-parse --short HEAD 2>/dev/null) || commit=unknown
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null)} ||
    give_up "no git here: set SOURCE_DATE_EPOCH to the source's time"
export SOURCE_DATE_EPOCH
maintainer="${DEBFULLNAME:-$(git log -1 --format=%an)} <${DEBEMAIL:-$(git log -1 --format=%ae)}>"
toolchain=$(dirname "$(dirname "$(realpath "$(command -v swift)")")")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/dropgate symbols=$work/dropgate-dbgsym
put() { install -D -m "$1" "$2" "$root/$3"; }

pack=(--compress-debug-sections=zlib)
if [ -n "$for_test" ]; then pack=(); fi
places=() build_ids=() libraries=()
# put_program FILE PLACE: without its symbols, which go to the other package, where debuggers look for them.
put_program() {
    local file=$1 place=$2 id debug
    put 755 "$file" "$place"
    id=$(readelf -n "$file" | sed -n 's/^ *Build ID: //p')
    [ -n "$id" ] || give_up "$file has no build id, by which symbols are found"
    debug=$symbols/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug
    mkdir -p "$(dirname "$debug")"
    objcopy --only-keep-debug "${pack[@]}" "$file" "$debug"
    chmod 644 "$debug"
    strip --strip-all --remove-section=.comment "$root/$place"
    objcopy --add-gnu-debuglink="$debug" "$root/$place"
    # Libraries are Debian's, or inside. A program that finds some by a path of the machine that built it runs there only.
    if readelf -d "$file" | grep 'NEEDED.*libswift' >/dev/null; then
        [ -n "$for_test" ] || give_up "$file needs Swift's libraries to run: build it with Deploy/build.sh"
        libraries=(--ignore-missing-info)
    else
        chrpath --delete "$root/$place" >/dev/null
    fi
    places+=("dropgate/$place")
    build_ids+=("$id")
}

say "dropgate $version of commit $commit: programs"
put_program "$program" usr/bin/dropgate
put_program "${program%/*}/dropgate-session" usr/libexec/dropgate/dropgate-session

say "settings, service, manual, completions"
put 644 Config/dropgate.yaml etc/dropgate/dropgate.yaml
put 644 Config/sources/vsee-qatar.yaml etc/dropgate/sources/vsee-qatar.yaml
put 644 Config/rules/vsee-qatar.yaml etc/dropgate/rules/vsee-qatar.yaml
put 644 Config/schemas/ledger-entry.schema.json usr/share/dropgate/ledger-entry.schema.json
put 644 Deploy/verify-bundle.py usr/share/dropgate/verify-bundle.py
put 644 Deploy/package/sysusers.conf usr/lib/sysusers.d/dropgate.conf
put 644 Deploy/package/tmpfiles.conf usr/lib/tmpfiles.d/dropgate.conf
sed -e 's:/usr/local/bin/:/usr/bin/:' -e 's:which Deploy/install.sh makes:which the package makes:' \
    Deploy/systemd/dropgate.service >"$work/service"
grep -q '^ExecStart=/usr/bin/dropgate ' "$work/service" ||
    give_up "ExecStart of Deploy/systemd/dropgate.service is not what it was"
put 644 "$work/service" usr/lib/systemd/system/dropgate.service
"$program" --experimental-dump-help |
    Deploy/package/man.py "$(date -u -d "@$SOURCE_DATE_EPOCH" +%F)" "dropgate $version" >"$work/man"
gzip -9n "$work/man"
put 644 "$work/man.gz" usr/share/man/man1/dropgate.1.gz
"$program" --generate-completion-script bash | sed '1{/^#!/d}' >"$work/bash"
put 644 "$work/bash" usr/share/bash-completion/completions/dropgate
"$program" --generate-completion-script zsh >"$work/zsh"
put 644 "$work/zsh" usr/share/zsh/vendor-completions/_dropgate
"$program" --generate-completion-script fish >"$work/fish"
put 644 "$work/fish" usr/share/fish/vendor_completions.d/dropgate.fish

mkdir "$work/debian"
cat >"$work/debian/changelog" <<TEXT
dropgate ($version) unstable; urgency=medium

  * Made from commit $commit. The repository's history says what changed.

 -- $maintainer  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
TEXT
gzip -9nc "$work/debian/changelog" >"$work/changelog.gz"
Deploy/package/copyright.py Package.resolved .build/checkouts "$toolchain/share/swift" >"$work/copyright"
put 644 "$work/changelog.gz" usr/share/doc/dropgate/changelog.gz
put 644 "$work/copyright" usr/share/doc/dropgate/copyright
put 644 Deploy/package/lintian-overrides usr/share/lintian/overrides/dropgate
mkdir -p "$symbols/usr/share/doc"
ln -s dropgate "$symbols/usr/share/doc/dropgate-dbgsym"

say "dependencies, control"
sed "s/@MAINTAINER@/$(sed 's:[\\&/]:\\&:g' <<<"$maintainer")/" Deploy/package/control >"$work/debian/control"
mkdir "$root/DEBIAN" "$symbols/DEBIAN"
install -m 755 Deploy/package/{postinst,prerm,postrm} "$root/DEBIAN"
(
    cd "$work"
    dpkg-shlibdeps "${libraries[@]}" -Tsubstvars "${places[@]}" 2>shlibdeps.log || {
        cat shlibdeps.log >&2
        exit 1
    }
    for package in dropgate dropgate-dbgsym; do
        dpkg-gencontrol -p$package -P$package -Tsubstvars -Vdropgate:Build-Ids="${build_ids[*]}" -ffiles 2>gencontrol.log || {
            cat gencontrol.log >&2
            exit 1
        }
    done
    cd dropgate
    find etc -type f -printf '/%p\n' | LC_ALL=C sort >DEBIAN/conffiles
    for folder in "$root" "$symbols"; do
        cd "$folder"
        find . -type f -not -path './DEBIAN/*' -printf '%P\0' | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums
    done
)

mkdir -p "$output"
architecture=$(dpkg --print-architecture)
package=$(realpath "$output")/dropgate_${version}_$architecture.deb
dbgsym=${package%/*}/dropgate-dbgsym_${version}_$architecture.deb
say "compressing"
squeeze=(-Zxz) squeeze_symbols=(-Zxz -z0) # their sections are compressed already
checked=("$package" "$dbgsym")
if [ -n "$for_test" ]; then squeeze=(-Zgzip -z1) squeeze_symbols=(-Znone) checked=("$package"); fi
dpkg-deb --root-owner-group "${squeeze[@]}" --build "$root" "$package" >/dev/null
dpkg-deb --root-owner-group "${squeeze_symbols[@]}" --build "$symbols" "$dbgsym" >/dev/null
if [ -n "$lint" ]; then
    say "lintian"
    lintian --fail-on error --allow-root "${checked[@]}" >&2
fi
say "$(du -h "$package" | cut -f 1) and the symbols beside it; apt-get install installs it:"
echo "$package"
