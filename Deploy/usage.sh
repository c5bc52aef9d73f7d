# For the scripts of this folder, which source it: their usage is the comment at their head, and arguments are looked at
# before anything else is done.

usage() { awk 'NR > 1 { if (!sub(/^# ?/, "")) exit; print }' "$0"; }

# check_arguments "WORD …" "$@": none, or one of the words. --help is answered; everything else is a mistake (64).
check_arguments() {
    local words=$1
    shift
    [ $# != 0 ] || return 0
    if [ $# = 1 ]; then
        case $1 in
        -h | --help)
            usage
            exit 0
            ;;
        esac
        if [ -n "$1" ] && [[ " $words " == *" $1 "* ]]; then return 0; fi
    fi
    usage >&2
    exit 64
}
