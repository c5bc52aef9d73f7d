# Sourced by the clients that run `ssh`: $ssh_options is how to log in, by the key or by the password, and nothing else.
ssh_options="-F none -o StrictHostKeyChecking=yes -o UserKnownHostsFile=$GATE_KNOWN_HOSTS"
if [ -n "$GATE_KEY" ]; then
    ssh_options="$ssh_options -o IdentityFile=$GATE_KEY -o IdentitiesOnly=yes -o BatchMode=yes"
else
    ssh_options="$ssh_options -o PreferredAuthentications=password -o NumberOfPasswordPrompts=1"
    export SSH_ASKPASS="$(dirname "$0")/askpass.sh" SSH_ASKPASS_REQUIRE=force
fi
