#!/usr/bin/env python3
"""Writes dropgate(1) in man's roff from `dropgate --experimental-dump-help` (standard input), so that the page says
what the commands say.

    dropgate --experimental-dump-help | man.py 2026-11-23 "dropgate 0.1.0" > dropgate.1
"""
import json
import re
import sys

FILES = [
    ("/etc/dropgate/dropgate.yaml", "The settings; each key is explained there."),
    ("/etc/dropgate/sources/*.yaml", "The source lists: who may call in."),
    ("/etc/dropgate/rules/*.yaml", "VSee's network rules."),
    ("/etc/dropgate/accounts/", "The SFTP accounts, one file each."),
    ("/var/lib/dropgate/", "The gate's state: ledger, checkpoints, staging, keys and certificate."),
]
# Of every command; told once.
COMMON = {"help", "version"}


def literal(text):
    """Characters that people copy: groff would make typographic ones of them."""
    text = text.replace("\\", "\\e")
    for plain, name in (("'", "aq"), ("`", "ga"), ("^", "ha"), ("~", "ti")):
        text = text.replace(plain, f"\\({name}")
    text = text.replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "\\") else text


def prose(text):
    """A paragraph: `code` and options are bold."""
    parts = re.split(r"`([^`]+)`|(?<![\w-])(--?[a-z][a-z-]*)", text)
    out = ""
    for index in range(0, len(parts), 3):
        plain = parts[index].replace("\\", "\\e").replace("-", "\\-").replace("~", "\\(ti").replace("^", "\\(ha")
        out += plain
        code = next((part for part in parts[index + 1:index + 3] if part), None)
        if code:
            out += f"\\fB{literal(code)}\\fR"
    return "\\&" + out if out[:1] in (".", "'") else out


def is_literal(line):
    return line.startswith("  ") and (line.lstrip().startswith("dropgate ") or len(line) <= 100)


def body(text, heading):
    """A discussion: paragraphs, headings in capitals, and indented lines, which stay as they are."""
    out, verbatim = [], False

    def leave():
        nonlocal verbatim
        if verbatim:
            out.extend([".fi", ".RE"])
        verbatim = False

    for line in text.split("\n"):
        if not line.strip():
            leave()
        elif re.fullmatch(r"[A-Z][A-Z ]+", line):
            leave()
            out.append(heading(line))
        elif is_literal(line):
            if not verbatim:
                out.extend([".PP", ".RS 4", ".nf"])
            verbatim = True
            out.append(literal(line[2:]))
        else:
            leave()
            out.extend([".PP", prose(line.strip())])
    leave()
    return out


def spelling(name):
    return ("-" if name["kind"] == "short" else "--") + name["name"]


def value(argument):
    return f"\\fI{literal(argument['valueName'])}\\fR"


def shown(command):
    return [a for a in command.get("arguments", []) if a["shouldDisplay"] and a["valueName"] not in COMMON]


def usage(path, command):
    words = [f"\\fB{literal(path)}\\fR"]
    if command.get("subcommands"):
        return " ".join([*words, "\\fIsubcommand\\fR"])
    for argument in shown(command):
        if argument["kind"] == "positional":
            word = value(argument)
        else:
            word = f"\\fB{literal(spelling(argument['preferredName']))}\\fR"
            if argument["kind"] == "option":
                word += f"\\~{value(argument)}"
        if argument["isRepeating"]:
            word += "\\~..."
        words.append(f"[{word}]" if argument["isOptional"] else word)
    return " ".join(words)


def options(command):
    out, section = [], None
    for argument in shown(command):
        if argument.get("sectionTitle") != section:
            section = argument.get("sectionTitle")
            out.extend([".PP", f"\\fI{prose(section or 'Others')}\\fR"])
        names = ", ".join(f"\\fB{literal(spelling(name))}\\fR" for name in argument.get("names", []))
        shape = value(argument) if argument["kind"] != "flag" else ""
        text = argument.get("abstract", "")
        if "allValues" in argument:
            text += f" One of: {', '.join(argument['allValues'])}."
        if "defaultValue" in argument:
            text += f" Default: {argument['defaultValue']}."
        out.extend([".TP", " ".join(part for part in (names, shape) if part)])
        out.extend(prose(line) for line in text.split("\n"))
    return out


def commands(command, path):
    out = []
    for child in command.get("subcommands", []):
        if not child["shouldDisplay"] or child["commandName"] == "help":
            continue
        full = f"{path} {child['commandName']}"
        out.extend([f".SS {literal(full)}", prose(child["abstract"])])
        if not child.get("subcommands"):
            out.extend([".PP", usage(full, child)])
        out.extend(body(child.get("discussion") or "", lambda line: f".PP\n\\fI{line.capitalize()}\\fR"))
        out.extend(options(child))
        out.extend(commands(child, full))
    return out


def page(tree, date, version):
    name = tree["commandName"]
    # apropos wants one short line here.
    lines = [f'.TH {name.upper()} 1 {date} "{version}" "User Commands"', ".nh", ".ad l", ".SH NAME",
             f"{name} \\- {prose(tree['abstract'][0].lower() + tree['abstract'][1:].rstrip('.'))}", ".SH SYNOPSIS",
             f"\\fB{name}\\fR \\fIcommand\\fR [\\fIsubcommand\\fR] [\\fIoptions\\fR]", ".PP",
             f"\\fB{name}\\fR \\fB\\-\\-version\\fR", ".PP",
             f"\\fB{name}\\fR [\\fIcommand\\fR] \\fB\\-\\-help\\fR", ".SH DESCRIPTION"]
    lines += body(tree["discussion"], lambda line: f".SH {line}")
    lines += [".SH COMMANDS", *commands(tree, name), ".SH FILES"]
    for path, text in FILES:
        lines += [".TP", f"\\fI{literal(path)}\\fR", prose(text)]
    lines += [".SH SEE ALSO", ".BR sshd (8),", ".BR sftp (1),", ".BR systemctl (1)"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page(json.load(sys.stdin)["command"], *sys.argv[1:]))
