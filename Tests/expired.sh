#!/bin/bash
# Makes a certificate that ended years ago, signed by its own key: expired.sh KEY NAME CERTIFICATE. The key is there.
# `openssl ca` takes any two times; `openssl x509 -days` makes nothing that has ended since OpenSSL 3.5.
set -euo pipefail
key=$(realpath "$1") certificate=$(realpath "$3")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
touch index
cat >ca.cnf <<'CNF'
[ca]
default_ca = tests
[tests]
database = index
new_certs_dir = .
rand_serial = yes
default_md = sha256
copy_extensions = copy
policy = names
[names]
commonName = supplied
CNF
openssl req -new -key "$key" -subj "/CN=$2" -addext "subjectAltName=DNS:$2" -out request
openssl ca -batch -config ca.cnf -selfsign -keyfile "$key" -in request -startdate 20200101000000Z -enddate 20200102000000Z \
    -notext -out "$certificate"
