"""What the documents say is there: each link leads to a file, and each command line in them is one that the program takes."""
import glob
import json
import os
import re
import shlex
import subprocess
import unittest

from gate import BIN

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
DOCUMENTS = sorted(glob.glob(f"{ROOT}/*.md") + glob.glob(f"{ROOT}/.github/**/*.md", recursive=True)
                   + glob.glob(f"{ROOT}/Deploy/**/*.md", recursive=True)
                   + glob.glob(f"{ROOT}/Sources/**/*.md", recursive=True))
LINK = re.compile(r"\]\(([^)\s]+)\)")
# A line that is shown as typed: indented, or within backquotes.
TYPED = re.compile(r"^ {4,}(?:.*[;|&(] *)?((?:sudo (?:-u \w+ )?)?dropgate .*)$|`((?:sudo (?:-u \w+ )?)?dropgate [^`]*)`")


def text(document):
    with open(document, encoding="utf-8") as file:
        return file.read()


def commands():
    """The command tree as the program itself tells it."""
    told = subprocess.run([BIN, "--experimental-dump-help"], capture_output=True, text=True, timeout=60, check=True)
    return json.loads(told.stdout)["command"]


def options(command):
    return {("--" if name["kind"] == "long" else "-") + name["name"]
            for argument in command.get("arguments", []) for name in argument.get("names", [])}


def problem(line, tree):
    """What is wrong with a command line; None if nothing is."""
    words = shlex.split(re.sub(r"^sudo (-u \w+ )?", "", line), comments=True)[1:]
    command, path = tree, ["dropgate"]
    while words and not words[0].startswith("-"):
        below = {child["commandName"]: child for child in command.get("subcommands", [])}
        if not below:
            break
        if words[0] not in below:
            return f"{' '.join(path)} has no command {words[0]}"
        command = below[words[0]]
        path.append(words.pop(0))
    known = options(command) | {"--help", "--version", "-h"}
    for word in words:
        if word in ("|", ">", ">>", "&&", ";", "<"):
            break
        option = word.split("=")[0]
        if re.fullmatch(r"--?[a-z][a-z0-9-]*", option) and option not in known:
            return f"{' '.join(path)} has no option {option}"
    return None


class Documents(unittest.TestCase):
    def test_each_link_leads_to_a_file(self):
        seen = 0
        for document in DOCUMENTS:
            for link in LINK.findall(text(document)):
                if not re.match(r"[a-z]+:|#", link):
                    seen += 1
                    with self.subTest(document=os.path.relpath(document, ROOT), link=link):
                        path = os.path.join(os.path.dirname(document), link.split("#")[0])
                        self.assertTrue(os.path.exists(path))
        self.assertGreater(seen, 10)

    def test_each_command_line_is_one_that_the_program_takes(self):
        tree, seen = commands(), 0
        for document in DOCUMENTS:
            for line in text(document).splitlines():
                for match in TYPED.finditer(line):
                    typed = match.group(1) or match.group(2)
                    seen += 1
                    with self.subTest(document=os.path.relpath(document, ROOT), line=typed):
                        self.assertIsNone(problem(typed.split("   ")[0].rstrip(" …\\"), tree))
        self.assertGreater(seen, 30)

    def test_a_command_or_option_that_is_not_there_is_found(self):
        tree = commands()
        self.assertIn("no command frobnicate", problem("dropgate ledger frobnicate", tree))
        self.assertIn("no option --bogus", problem("sudo -u dropgate dropgate attempts --bogus x", tree))
        self.assertIsNone(problem("dropgate attempts --since 24h | less -S", tree))
