#!/usr/bin/env python3
"""Writes the package's copyright file: whose code is linked into the program, and under which terms.

    copyright.py Package.resolved .build/checkouts TOOLCHAIN/usr/share/swift > copyright

Apache's licence is on every Debian machine and is named; every other text, and every NOTICE, stands here in full.
"""
import glob
import json
import os
import sys

HEAD = """Dropgate, the inbound gate for VSee.

Copyright: the authors of Dropgate. Its repository states no licence; ask them before you pass this package on.

The program is built with the following works, which are linked into it. Texts that several share are given once. The
Apache License, Version 2.0, is in /usr/share/common-licenses/Apache-2.0. Yams holds libyaml, by Kirill Simonov and
Ingy döt Net, under the same terms as Yams itself.
"""


def texts(folder, pattern):
    for path in sorted(glob.glob(os.path.join(folder, pattern))):
        with open(path, encoding="utf-8") as file:
            yield file.read().strip("\n")


def own_words(licence):
    """Without the text of Apache's licence, if it is that; what a project adds below it stays."""
    if not licence.lstrip().startswith("Apache License"):
        return licence
    added = licence.find("Runtime Library Exception to the Apache 2.0 License")
    start = licence.rfind("\n", 0, added) + 1
    return "Apache License, Version 2.0" + (f", with:\n\n{licence[start:]}" if added >= 0 else "")


def works(resolved, checkouts, toolchain):
    with open(resolved, encoding="utf-8") as file:
        pins = json.load(file)["pins"]
    for pin in sorted(pins, key=lambda pin: pin["location"].lower()):
        folder = os.path.basename(pin["location"]).removesuffix(".git")
        yield pin["location"], pin["state"]["version"], os.path.join(checkouts, folder)
    yield "https://github.com/swiftlang/swift (runtime and Foundation)", "", toolchain


def main(resolved, checkouts, toolchain):
    print(HEAD)
    first = {}
    for place, version, folder in works(resolved, checkouts, toolchain):
        name = f"{place} {version}".strip()
        licences = [*texts(folder, "LICENSE*"), *texts(folder, "Sources/*/LICENSE*")]
        if not licences:
            sys.exit(f"copyright: {folder} has no LICENSE; `swift package resolve` fetches what {resolved} names")
        print(f"{'-' * 100}\n{name}\n")
        for text in [*map(own_words, licences), *texts(folder, "NOTICE*")]:
            if text.count("\n") > 3 and text in first:
                print(f"(the terms given for {first[text]})\n")
            else:
                first.setdefault(text, name)
                print(f"{text}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
