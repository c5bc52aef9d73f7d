# Sourced by the clients whose check is a look at a listing.
# listed LISTING REMOTE LOCAL: the listing, as of `ls -l`, has the name REMOTE with the size of the file LOCAL.
listed() {
    printf '%s\n' "$1" | grep -v '^sftp>' | grep -F -- "$2" |
        awk -v size="$(stat -c %s "$3")" '$5 == size { found = 1 } END { exit !found }'
}
