#!/usr/bin/env python3
"""Makes the data files beside it from the published schemas: what test_formats.py holds exports to.

    make.py CLONE_OF_OCSF CLONE_OF_ECS

The clones are of https://github.com/ocsf/ocsf-schema and https://github.com/elastic/ecs, both under the Apache License 2.0,
and have the tags below. Texts for people are left out, and of OCSF what no class of the export refers to.
"""
import json
import os
import subprocess
import sys

import yaml

OCSF, ECS = "1.4.0", "v8.17.0"
CLASSES = ["base_event", "network_activity", "http_activity", "authentication", "file_hosting", "entity_management",
           "application_lifecycle", "datastore_activity"]


def show(clone, tag, path):
    return subprocess.run(["git", "-C", clone, "show", f"{tag}:{path}"], check=True, capture_output=True, text=True).stdout


def paths(clone, tag):
    listing = subprocess.run(["git", "-C", clone, "ls-tree", "-r", "--name-only", tag], check=True, capture_output=True,
                             text=True).stdout
    return [path for path in listing.splitlines() if path.endswith(".json")]


def merged(old, new):
    """A later declaration of an attribute adds to an earlier one; null takes away, as a profile that is none there."""
    both = {**old, **new}
    if "enum" in old and "enum" in new:
        both["enum"] = {**old["enum"], **new["enum"]}
    return both


class Ocsf:
    def __init__(self, clone):
        self.files = {path: json.loads(show(clone, OCSF, path)) for path in paths(clone, OCSF)
                      if path.split("/")[0] in ("dictionary.json", "categories.json", "events", "objects", "profiles",
                                                "includes")}
        self.dictionary = self.files["dictionary.json"]
        self.named = {kind: {data["name"]: data for path, data in self.files.items()
                             if path.startswith(kind + "/") and "name" in data} for kind in ("events", "objects")}

    def attributes(self, declared):
        found = {}
        for path in declared.get("$include", []):
            included = self.files[path]
            profile = included["name"] if path.startswith("profiles/") else None
            for name, attribute in self.attributes(included["attributes"]).items():
                found[name] = merged(found.get(name, {}), {**attribute, **({"profile": profile} if profile else {})})
        for name, attribute in declared.items():
            if name != "$include":
                found[name] = merged(found.get(name, {}), attribute)
        return found

    def whole(self, kind, name):
        declared = self.named[kind][name]
        base = self.whole(kind, declared["extends"]) if "extends" in declared else {}
        attributes = dict(base.get("attributes", {}))
        for attribute, facts in self.attributes(declared.get("attributes", {})).items():
            attributes[attribute] = merged(attributes.get(attribute, {}), facts)
        return {**base, **declared, "attributes": attributes}

    def compact(self, whole):
        attributes = {}
        for name, facts in sorted(whole["attributes"].items()):
            facts = merged(self.dictionary["attributes"][name], facts)
            short = {"type": facts["type"], "requirement": facts.get("requirement", "optional")}
            if facts.get("is_array"):
                short["is_array"] = True
            # Those three follow from the class.
            if "enum" in facts and name not in ("class_uid", "category_uid", "type_uid"):
                short["enum"] = sorted(facts["enum"])
            if facts.get("profile"):
                short["profile"] = facts["profile"]
            attributes[name] = short
        short = {"attributes": attributes}
        if "constraints" in whole:
            short["constraints"] = whole["constraints"]
        return short

    def build(self):
        types = {name: {key: facts[key] for key in ("type", "regex", "max_len", "range", "values") if key in facts}
                 for name, facts in self.dictionary["types"]["attributes"].items()}
        categories = {name: facts["uid"] for name, facts in self.files["categories.json"]["attributes"].items()}
        classes, objects = {}, {}
        for name in CLASSES:
            whole = self.whole("events", name)
            category = categories.get(whole.get("category"), 0)
            compact = self.compact(whole)
            compact["name"], compact["category_uid"] = whole["caption"], category
            classes[str(category * 1000 + whole.get("uid", 0))] = compact
        waiting = list(classes.values())
        while waiting:
            for facts in waiting.pop()["attributes"].values():
                name = facts["type"]
                if name not in types and name not in objects:
                    objects[name] = self.compact(self.whole("objects", name))
                    waiting.append(objects[name])
        return {"version": OCSF, "types": types, "classes": classes, "objects": objects}


def ecs(clone):
    flat = yaml.safe_load(show(clone, ECS, "generated/ecs/ecs_flat.yml"))
    fields = {}
    for name, facts in flat.items():
        short = {"type": facts["type"]}
        if facts.get("normalize"):
            short["normalize"] = facts["normalize"]
        if facts.get("allowed_values"):
            short["allowed"] = {value["name"]: value.get("expected_event_types", []) for value in facts["allowed_values"]}
        fields[name] = short
    return {"version": ECS.lstrip("v"), "fields": fields}


def write(name, data):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), name), "w") as file:
        json.dump(data, file, sort_keys=True, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    write(f"ocsf-{OCSF}.json", Ocsf(sys.argv[1]).build())
    write(f"ecs-{ECS.lstrip('v')}.json", ecs(sys.argv[2]))
