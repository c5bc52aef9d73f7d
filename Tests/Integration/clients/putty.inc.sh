# Sourced by PuTTY's clients: $putty_options is how to log in, by the key or by the password, and nothing else.
putty_options="-batch -P $GATE_PORT -l $GATE_USER"
for print in $GATE_HOST_KEYS; do putty_options="$putty_options -hostkey $print"; done
if [ -n "$GATE_KEY" ]; then
    putty_options="$putty_options -i $GATE_KEY.ppk"
else
    printf '%s\n' "$GATE_PASSWORD" >"$TMPDIR/password"
    putty_options="$putty_options -pwfile $TMPDIR/password"
fi
