"""The guides in .github/guides as tests read them: sections with their blocks of commands and what they quote."""
import os
import re

FOLDER = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.github/guides"))


class Section:
    def __init__(self, title):
        self.title, self.blocks, self.quotes = title, [], []


def sections(name):
    """The sections of a guide by title; what stands before the first one has its own title, ""."""
    found = {"": Section("")}
    current, block, quotes = found[""], None, None
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        for line in file.read().splitlines():
            if block is not None:
                if line == "```":
                    current.blocks.append("\n".join(block) + "\n")
                    block = None
                else:
                    block.append(line)
            elif line == "```sh":
                block = []
            elif line.startswith("#"):
                current = found.setdefault(line.lstrip("# "), Section(line.lstrip("# ")))
            elif line.startswith("> "):
                current.quotes.append(line[2:])
    assert block is None, f"{name}: a block has no end"
    return found


def fragments(quote):
    """What of a quotation is the same each time."""
    return [part.strip(" :,;") for part in quote.split("…") if len(part.strip(" :,;")) > 2]


def matches(quote, text):
    """Whether a text has a quotation's parts in their order."""
    pattern = ".*?".join(r"\s+".join(map(re.escape, part.split())) for part in fragments(quote))
    return re.search(pattern, text, re.DOTALL) is not None
