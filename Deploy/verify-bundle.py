#!/usr/bin/env python3
"""Verifies what `dropgate ledger export` and `dropgate ledger prove` write. Shares no code with Dropgate.

    verify-bundle.py --key KEY BUNDLE_DIRECTORY            a run of entries
    verify-bundle.py --key KEY --proof FILE ENTRY_FILE     one entry

KEY is the ledger's public key (NAME+ID+BASE64), or a file that holds such keys, one a line. Take it from elsewhere
than the bundle. --checkpoint FILE holds the bundle against a checkpoint that a witness kept, of the same size; the
file holds this one and nothing else.

A bundle has the source lists that its entries name. Some may be missing: of the time before the gate kept its lists, or
because they were in force before the bundle's first entry and are lost. What is missing is printed; it is refused where
the gate or an entry of the bundle says that they were kept.

Formats: RFC 6962 (tree), C2SP signed-note, tlog-checkpoint, tlog-proof. Needs Python 3.8 and PyPI's cryptography.
Exit status: 0 verified, 1 not, 2 wrong usage or a missing module.
"""
import argparse
import base64
import hashlib
import json
import os
import re
import sys

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    print("verify-bundle: needs the module cryptography: apt install python3-cryptography, or pip install cryptography",
          file=sys.stderr)
    sys.exit(2)


class Refused(Exception):
    pass


def require(condition, message):
    if not condition:
        raise Refused(message)


def decode(text, length=None):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Refused(f"not base64: {text[:60]!r}")
    require(base64.b64encode(data).decode() == text, f"not base64 as it was written: {text[:60]!r}")
    require(length is None or len(data) == length, f"not {length} bytes: {text[:60]!r}")
    return data


# RFC 6962 section 2.1

def leaf_hash(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """Perfect subtrees from left to right, merged as they come: (height, index, hash)."""

    def __init__(self):
        self.size = 0
        self.peaks = []

    def add(self, height, index, digest):
        require(index << height == self.size, f"the nodes leave a gap or overlap at entry {self.size}")
        self.size += 1 << height
        while self.peaks and self.peaks[-1][0] == height and index % 2 == 1:
            digest = node_hash(self.peaks.pop()[2], digest)
            height, index = height + 1, index // 2
        self.peaks.append((height, index, digest))

    def root(self):
        digest = self.peaks[-1][2]
        for _, _, peak in reversed(self.peaks[:-1]):
            digest = node_hash(peak, digest)
        return digest


def included(leaf, index, size, root, proof):
    """RFC 9162 section 2.1.3.2."""
    if index >= size:
        return False
    position, last, digest = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            digest = node_hash(sibling, digest)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            digest = node_hash(digest, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and digest == root


# C2SP signed-note and tlog-checkpoint

def verifier(line):
    """(name, key id, key) of a verifier key."""
    name, identity, data = (line.split("+", 2) + ["", ""])[:3]
    key = decode(data)
    require(len(key) == 33 and key[0] == 1, f"not an Ed25519 verifier key: {line[:60]!r}")
    computed = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    require(identity == computed.hex(), f"the id of the key is wrong: {line[:60]!r}")
    return name, computed, Ed25519PublicKey.from_public_bytes(key[1:])


def verifiers(text):
    if os.path.exists(text):
        with open(text, encoding="utf-8") as file:
            text = file.read()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    require(lines, "there is no key")
    return [verifier(line) for line in lines]


def opened(note, keys):
    """The text of a note, once one of the keys is found to have signed it. The note is looked at as a whole first."""
    text, gap, signatures = note.rpartition("\n\n")
    require(gap and signatures.endswith("\n"), "not a whole signed note")
    text += "\n"
    signers = []
    for line in signatures[:-1].split("\n"):
        dash, name, data = (line.split(" ") + ["", ""])[:3]
        require(dash == "\u2014" and line.count(" ") == 2, f"not a signature line: {line[:60]!r}")
        data = decode(data)
        for key_name, key_id, key in keys:
            if (name, data[:4]) == (key_name, key_id):
                try:
                    key.verify(data[4:], text.encode())
                except InvalidSignature:
                    raise Refused("the checkpoint's signature is wrong")
                signers.append(key_name)
    require(signers, "the checkpoint is not signed by a given key")
    return text, signers[0]


def checkpoint(note, keys):
    """Size and root of a signed checkpoint."""
    text, name = opened(note, keys)
    lines = text.split("\n")
    require(len(lines) >= 4 and lines[0] == name, "the checkpoint is of another ledger")
    require(lines[1].isdigit() and str(int(lines[1])) == lines[1], "the checkpoint has no size")
    return int(lines[1]), decode(lines[2], 32)


def read(*path, mode="r"):
    with open(os.path.join(*path), mode, encoding=None if "b" in mode else "utf-8") as file:
        return file.read()


def verify_bundle(directory, keys, seen):
    manifest = json.loads(read(directory, "manifest.json"))
    require(manifest.get("format") == "dropgate-ledger-bundle@v1", "the manifest is of an unknown format")
    first, last = manifest["first"], manifest["last"]
    size, root = checkpoint(read(directory, "checkpoint"), keys)
    require(manifest["size"] == size, "manifest and checkpoint differ in size")
    nodes = []
    for line in read(directory, "proof.txt").splitlines():
        height, index, digest = line.split(" ")
        nodes.append((int(height), int(index), decode(digest, 32)))
    tree = Tree()
    before = [node for node in nodes if node[1] << node[0] < first]
    for node in before:
        tree.add(*node)
    require(tree.size == first, f"the proof covers {tree.size} entries before the first one, {first}")
    seq, whole = first, hashlib.sha256()
    named, promised = {}, {}
    with open(os.path.join(directory, "entries.jsonl"), "rb") as entries:
        for line in entries:
            require(line.endswith(b"\n"), f"entry {seq} is cut")
            whole.update(line)
            entry = json.loads(line)
            require(entry.get("seq") == seq, f"entry {seq} says that it is entry {entry.get('seq')}")
            tree.add(0, seq, leaf_hash(line[:-1]))
            if isinstance(entry.get("policy"), str):
                named.setdefault(entry["policy"], seq)
                if entry.get("detail", {}).get("lists_kept") is True:
                    promised.setdefault(entry["policy"], seq)
            seq += 1
    require(seq == last + 1, f"there are entries {first} to {seq - 1}, the manifest says to {last}")
    require(whole.hexdigest() == manifest["entries_sha256"], "entries.jsonl is not what the manifest says")
    for node in nodes[len(before):]:
        tree.add(*node)
    require(tree.size == size, f"entries and proof make {tree.size} entries, the checkpoint is of {size}")
    require(tree.root() == root, "the entries are not those that were signed: another root")
    if seen is not None:
        require(seen == (size, root), f"the other checkpoint is of {seen[0]} entries, or of another tree")
    missing = verify_lists(directory, manifest, named, promised)
    lists = "".join(f"\nnot in the bundle: the source lists {version}, which entry {named[version]} names" for version in missing)
    return f"entries {first} to {last} are in the signed ledger of {size} entries{lists}"


def verify_lists(directory, manifest, named, promised):
    """The versions of source lists that entries name and that the bundle need not have. `named` and `promised`: versions, each
    with an entry that names it or says that it was kept."""
    for version in {*manifest.get("policies", []), *named}:
        require(re.fullmatch("sha256:[0-9a-f]{64}", version), f"not a version of lists: {version!r}")
    damaged = manifest.get("policies_damaged", [])
    require(not damaged, f"the entries are good, but the gate has altered or lost source lists that it had kept: {', '.join(damaged)}")
    missing = []
    for version in sorted({*manifest.get("policies", []), *named}, key=lambda version: (named.get(version, -1), version)):
        digest = version[len("sha256:"):]
        path = os.path.join(directory, "policies", digest + ".txt")
        if os.path.lexists(path):
            require(hashlib.sha256(read(path, mode="rb")).hexdigest() == digest,
                    f"policies/{digest}.txt is not the source lists of that version")
            continue
        require(version not in promised, f"the entries are good, but the source lists {version} are missing, which entry "
                                         f"{promised.get(version)} says were kept")
        require(version in manifest.get("policies_missing", []),
                f"the entries are good, but the source lists {version} are missing without a word")
        missing.append(version)
    return missing


def verify_proof(proof, entry, keys, seen):
    head, gap, note = read(proof).partition("\n\n")
    lines = head.split("\n")
    require(gap and lines[0] == "c2sp.org/tlog-proof@v1", "not a tlog-proof")
    lines = [line for line in lines[1:] if not line.startswith("extra ")]
    require(lines and lines[0].startswith("index "), "the proof has no index")
    index = int(lines[0][6:])
    size, root = checkpoint(note, keys)
    leaf = leaf_hash(read(entry, mode="rb"))
    require(included(leaf, index, size, root, [decode(line, 32) for line in lines[1:]]),
            f"the file is not entry {index} of the signed ledger")
    if seen is not None:
        require(seen == (size, root), f"the other checkpoint is of {seen[0]} entries, or of another tree")
    return f"the file is entry {index} of the signed ledger of {size} entries"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--key", required=True, help="public key, or a file of public keys")
    parser.add_argument("--checkpoint", help="a checkpoint that was kept elsewhere")
    parser.add_argument("--proof", help="a .tlog-proof; the other argument is the entry's file then")
    parser.add_argument("path", help="bundle directory, or entry file")
    options = parser.parse_args()
    try:
        keys = verifiers(options.key)
        seen = checkpoint(read(options.checkpoint), keys) if options.checkpoint else None
        if options.proof:
            answer = verify_proof(options.proof, options.path, keys, seen)
        else:
            answer = verify_bundle(options.path, keys, seen)
    except Refused as refused:
        sys.exit(f"REFUSED: {refused}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"REFUSED: {type(error).__name__}: {error}")
    print("verified:", answer)


if __name__ == "__main__":
    main()
