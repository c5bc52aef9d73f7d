#!/bin/sh
# What ssh runs to ask for the password.
printf '%s\n' "$GATE_PASSWORD"
