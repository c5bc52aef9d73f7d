#!/bin/sh
# rclone's SFTP backend. One process a word; a tree is `rclone sync`, a check is `rclone check`.
set -eu
export RCLONE_CONFIG="" RCLONE_SFTP_HOST="$GATE_HOST" RCLONE_SFTP_PORT="$GATE_PORT" RCLONE_SFTP_USER="$GATE_USER"
if [ -n "$GATE_KEY" ]; then
    export RCLONE_SFTP_KEY_FILE="$GATE_KEY"
else
    RCLONE_SFTP_PASS=$(printf '%s' "$GATE_PASSWORD" | rclone obscure -)
    export RCLONE_SFTP_PASS
fi
while [ $# -gt 0 ]; do
    case $1 in
    put | resume) rclone copyto "$2" ":sftp:$3"; shift 3 ;;
    many) rclone copy "$2" ":sftp:"; shift 2 ;;
    tree) rclone sync "$2" ":sftp:$(basename "$2")"; shift 2 ;;
    deliver) rclone copyto "$2" ":sftp:$3"; rclone moveto ":sftp:$3" ":sftp:$4"; shift 4 ;;
    check) rclone check --one-way "$2" ":sftp:$(dirname "$3")"; shift 3 ;;
    *) exit 64 ;;
    esac
done
