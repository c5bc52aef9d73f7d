"""Exports and figures held to what others publish: OCSF, ECS, CEF, RFC 5424, Prometheus, and the ledger's own JSON Schema."""
# Needs: prometheus python3-jsonschema pypi
import ipaddress
import json
import os
import re
import subprocess
import unittest

import cefevent
import jsonschema
import syslog_rfc5424_parser

from gate import Gate, V2, read, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
BOM = "\ufeff"
# What breaks formats that do not escape it.
ODD_NAME = 'Ärzte ü|=\\] 日本.xml'


def schema(name):
    with open(os.path.join(HERE, "schemas", name)) as file:
        return json.load(file)


class Ocsf:
    """One event against the classes, objects and types of OCSF 1.4.0."""

    def __init__(self, schema):
        self.schema = schema

    def problems(self, event):
        kind = self.schema["classes"].get(str(event.get("class_uid")))
        if kind is None:
            return [f"no class {event.get('class_uid')}"]
        found = self.object(event, kind, "", event["metadata"].get("profiles", []))
        for name, value in (("category_uid", kind["category_uid"]), ("class_name", kind["name"]),
                            ("type_uid", event["class_uid"] * 100 + event["activity_id"])):
            if event.get(name) != value:
                found.append(f"{name} is {event.get(name)}, not {value}")
        return found

    def object(self, value, kind, place, profiles):
        attributes = {name: facts for name, facts in kind["attributes"].items()
                      if facts.get("profile") is None or facts["profile"] in profiles}
        found = [f"{place}.{name} is unknown" for name in value if name not in attributes]
        found += [f"{place}.{name} is required" for name, facts in attributes.items()
                  if facts["requirement"] == "required" and name not in value]
        constraints = kind.get("constraints", {})
        if "at_least_one" in constraints and not any(name in value for name in constraints["at_least_one"]):
            found.append(f"{place} has none of {constraints['at_least_one']}")
        if "just_one" in constraints and sum(name in value for name in constraints["just_one"]) != 1:
            found.append(f"{place} has not just one of {constraints['just_one']}")
        for name, member in value.items():
            facts = attributes.get(name)
            if facts is None:
                continue
            if facts.get("is_array", False) != isinstance(member, list):
                found.append(f"{place}.{name} is {'no' if facts.get('is_array') else 'a'} list")
                continue
            for item in member if isinstance(member, list) else [member]:
                found += self.value(item, facts, f"{place}.{name}", profiles)
        return found

    def value(self, value, facts, place, profiles):
        name = facts["type"]
        if name not in self.schema["types"]:
            kind = self.schema["objects"][name]
            # An object of any members.
            if not isinstance(value, dict):
                return [f"{place} is no object"]
            return [] if name == "object" else self.object(value, kind, place, profiles)
        found = []
        # Captions may be other than the schema's; numbers may not.
        if "enum" in facts and name == "integer_t" and str(value) not in facts["enum"]:
            found.append(f"{place}: {value} is not allowed")
        while name:
            kind = self.schema["types"][name]
            base = {"string_t": str, "integer_t": int, "long_t": int, "boolean_t": bool, "float_t": (int, float)}.get(name)
            if base and (not isinstance(value, base) or (base is int and isinstance(value, bool))):
                found.append(f"{place}: {value!r} is no {name}")
                break
            if name == "ip_t":
                ipaddress.ip_address(value)
            elif "regex" in kind and isinstance(value, str) and not re.search(kind["regex"], value):
                found.append(f"{place}: {value!r} is no {name}")
            if "max_len" in kind and isinstance(value, str) and len(value) > kind["max_len"]:
                found.append(f"{place} is longer than {kind['max_len']}")
            if "range" in kind and not kind["range"][0] <= value <= kind["range"][1]:
                found.append(f"{place}: {value} is out of range")
            name = kind.get("type")
        return found


class Ecs:
    """One document against the fields of ECS 8.17.0. What stands under `dropgate` is not ECS's."""

    def __init__(self, schema):
        self.fields = schema["fields"]

    def problems(self, document):
        found = [f"{name} is missing" for name in ("@timestamp", "ecs") if name not in document]
        found += self.walk({name: value for name, value in document.items() if name != "dropgate"}, "")
        event = document["event"]
        allowed = self.fields["event.category"]["allowed"]
        for kind in event.get("type", []):
            if not any(kind in allowed.get(category, []) for category in event.get("category", [])):
                found.append(f"event.type {kind} is none of {event.get('category')}")
        return found

    def walk(self, value, path):
        found = []
        for name, member in value.items():
            full = f"{path}.{name}" if path else name
            facts = self.fields.get(full)
            if isinstance(member, dict):
                if not any(field.startswith(full + ".") for field in self.fields):
                    found.append(f"{full} is no field set")
                found += self.walk(member, full)
            elif facts is None:
                found.append(f"{full} is no field")
            elif ("array" in facts.get("normalize", [])) != isinstance(member, list):
                found.append(f"{full} should {'' if isinstance(member, str) else 'not '}be a list")
            else:
                for item in member if isinstance(member, list) else [member]:
                    found += self.item(item, facts, full)
        return found

    def item(self, value, facts, full):
        kind = facts["type"]
        if "allowed" in facts and value not in facts["allowed"]:
            return [f"{full}: {value} is not allowed"]
        if kind == "ip":
            ipaddress.ip_address(value)
        elif kind == "date" and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", value):
            return [f"{full}: {value} is no date"]
        elif kind in ("long", "integer", "short"):
            if isinstance(value, bool) or not isinstance(value, int):
                return [f"{full}: {value!r} is no number"]
        elif kind in ("keyword", "match_only_text", "wildcard", "constant_keyword") and not isinstance(value, str):
            return [f"{full}: {value!r} is no text"]
        return []


def cef_problems(line):
    """Against the header and the extension dictionary (names, types, lengths) that cefevent has of the CEF guide."""
    fields, text, rest = [], "", line
    while len(fields) < 7:
        if not rest:
            return ["the header has not seven fields"]
        character, rest = rest[0], rest[1:]
        if character == "\\":
            if rest[:1] not in ("\\", "|"):
                return [f"a header may not escape {rest[:1]!r}"]
            text, rest = text + rest[0], rest[1:]
        elif character == "|":
            fields, text = fields + [text], ""
        else:
            text += character
    if fields[0] != "CEF:0" or not fields[6].isdigit() or int(fields[6]) > 10:
        return [f"the header {fields} is not CEF's"]
    found, seen = [], set()
    checked = cefevent.CEFEvent(strict=True)
    # A key begins after a space and ends at an equals sign that is not escaped.
    pairs = re.split(r"(?:^| )([A-Za-z0-9_]+)=", rest)
    if pairs[0]:
        found.append(f"{pairs[0]!r} belongs to no key")
    for key, value in zip(pairs[1::2], pairs[2::2]):
        if re.search(r"(?<!\\)(?:\\\\)*=", value) or re.search(r"(?<!\\)(?:\\\\)*\\(?![\\=nr])", value):
            found.append(f"{key}: {value!r} is not escaped")
        if key in seen:
            found.append(f"{key} comes twice")
        seen.add(key)
        # The guide has it (eventOutcome, String, 63); cefevent does not.
        if key == "outcome" and value in ("success", "failure"):
            continue
        plain = re.sub(r"\\(.)", lambda match: {"n": "\n", "r": "\r"}.get(match[1], match[1]), value)
        try:
            checked.set_field(key, int(plain) if key in ("cnt", "fsize", "cn1") else plain)
        except ValueError as error:
            found.append(f"{key}={plain!r}: {error}")
    return found


class Formats(unittest.TestCase):
    """One gate in which something of everything has happened."""

    @classmethod
    def setUpClass(cls):
        cls.gate = gate = Gate()
        try:
            cls.live(gate)
            cls.figures = cls.metrics(gate)
            gate.stop()
            cls.formats = {"jsonl": cls.export("jsonl", 1_000_000)}
            cls.entries = [json.loads(line) for line in cls.formats["jsonl"]]
            # An export is an entry, too: the others end where the first one ended.
            end = cls.entries[-1]["seq"] + 1
            cls.formats |= {name: cls.export(name, end) for name in ("ocsf", "ecs", "cef", "syslog")}
        except BaseException:
            gate.close()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.gate.close()

    @classmethod
    def live(cls, gate):
        gate.start()
        for number in (1, 1, 2):
            gate.post(V2 % f"event-{number}")
        gate.post("{}", source="127.0.0.9")
        subprocess.run(["curl", "-sk", "--interface", "127.0.0.2", f"https://127.0.0.1:{gate.ports['webhook']}/nothing"],
                       capture_output=True, timeout=30)
        sent = gate.sftp(f'put {gate.file("x", b"some bytes")} "{ODD_NAME}"\n'.replace("\\", "\\\\"))
        assert sent.returncode == 0, sent.stderr
        gate.sftp("ls\n", source="127.0.0.9")
        account, gate.account = gate.account, "nobody"
        gate.sftp("ls\n", password=True)
        gate.account = account
        password, gate.password = gate.password, "wrong"
        gate.sftp("ls\n", password=True)
        gate.password = password
        gate.run("probe", "webhook", gate.url, "--source", "127.0.0.2", "--insecure", check=False)
        lists = os.path.join(gate.home, "sources/test.yaml")
        with open(lists, "a") as file:
            file.write("  - {cidr: 192.0.2.0/28, service: other, channels: [webhook]}\n")
        wait_until(lambda: cls.has(gate, "policy", "--text", "192.0.2.0/28"), what="the entry of the change")
        wait_until(lambda: cls.has(gate, "transfer"), what="the upload")
        gate.run("attempts", "--format", "csv", "--config", gate.config)

    @staticmethod
    def has(gate, kind, *more):
        table = gate.run("attempts", "--kind", kind, *more, "--config", gate.config).stdout
        return len(table.splitlines()) > 1

    @staticmethod
    def metrics(gate):
        token = read(os.path.join(gate.home, "state/console.token")).strip()
        return subprocess.run(
            ["curl", "-sS", "--fail", "-H", f"Authorization: Bearer {token}",
             f"http://127.0.0.1:{gate.ports['console']}/metrics"], check=True, capture_output=True, text=True).stdout

    @classmethod
    def export(cls, name, end):
        """The lines of the entries below a number."""
        lines = cls.gate.run("attempts", "--format", name, "--limit", "0", "--before", str(end), "--config",
                             cls.gate.config).stdout
        assert lines.endswith("\n"), name
        return lines[:-1].split("\n")

    def all(self, name, problems):
        self.assertGreater(len(self.formats[name]), 10)
        for line in self.formats[name]:
            self.assertEqual(problems(line), [], line)

    def every_entry(self, name, facts):
        """A format has each entry once, in order, with what was decided on whom and why."""
        said = [(entry["seq"], entry["verdict"], entry["reason"], entry.get("source", {}).get("ip")) for entry in self.entries]
        self.assertEqual([facts(line) for line in self.formats[name]], said)
        self.assertGreater(sum(source is not None for *_, source in said), 5)

    def test_something_of_everything_has_happened(self):
        self.assertEqual([entry["seq"] for entry in self.entries], list(range(len(self.entries))))
        kinds = {entry["kind"] for entry in self.entries}
        self.assertEqual(kinds, {"connection", "request", "login", "transfer", "policy", "service", "access", "probe"})
        self.assertEqual({entry["verdict"] for entry in self.entries} >= {"accepted", "rejected"}, True)
        self.assertTrue(any(ODD_NAME in json.dumps(entry, ensure_ascii=False).replace("\\\\", "\\")
                            for entry in self.entries))

    def test_the_ledgers_entries_are_as_their_schema_says(self):
        with open(os.path.join(HERE, "../../Config/schemas/ledger-entry.schema.json")) as file:
            document = json.load(file)
        jsonschema.validators.validator_for(document).check_schema(document)
        validator = jsonschema.validators.validator_for(document)(
            document, format_checker=jsonschema.FormatChecker())
        self.all("jsonl", lambda line: [error.message for error in validator.iter_errors(json.loads(line))])
        damaged = {**self.entries[0], "verdict": "perhaps"}
        self.assertTrue(list(validator.iter_errors(damaged)))

    def test_ocsf(self):
        check = Ocsf(schema("ocsf-1.4.0.json"))
        self.all("ocsf", lambda line: check.problems(json.loads(line)))

        def facts(line):
            event = json.loads(line)
            return (event["metadata"]["sequence"], event["unmapped"]["verdict"], event["status_code"],
                    event["src_endpoint"].get("ip") if "src_endpoint" in event else None)
        self.every_entry("ocsf", facts)
        event = json.loads(self.formats["ocsf"][0])
        self.assertEqual(event["metadata"]["version"], check.schema["version"])
        for member, value in (("activity_id", 98), ("new", 1), ("time", "now"), ("metadata", {"version": "1.4.0"})):
            self.assertTrue(check.problems({**event, member: value}), f"{member} is looked at")

    def test_ecs(self):
        data = schema("ecs-8.17.0.json")
        check = Ecs(data)
        self.all("ecs", lambda line: check.problems(json.loads(line)))

        def facts(line):
            document = json.loads(line)
            return (document["event"]["sequence"], document["dropgate"]["verdict"], document["event"]["reason"],
                    document.get("source", {}).get("ip"))
        self.every_entry("ecs", facts)
        document = json.loads(self.formats["ecs"][0])
        self.assertEqual(document["ecs"]["version"], data["version"])
        for wrong in ({"event": {**document["event"], "kind": "fact"}}, {"sauce": {"ip": "192.0.2.1"}},
                      {"source": {"port": "x"}}, {"related": {"ip": "192.0.2.1"}}):
            self.assertTrue(check.problems({**document, **wrong}), f"{wrong} is looked at")

    def test_cef(self):
        self.all("cef", cef_problems)

        def facts(line):
            number, verdict, reason, source = (
                re.search(rf"[ |]{key}=(\S+)", line) for key in ("externalId", "act", "reason", "src"))
            return int(number[1]), verdict[1], reason[1], source and source[1]
        self.every_entry("cef", facts)
        line = self.formats["cef"][0]
        for wrong in (line + " nokey=1", line + " spt=99999", line + " cat=a=b", line.replace("|", "", 1)):
            self.assertTrue(cef_problems(wrong), wrong)

    def test_syslog(self):
        def facts(line):
            said = syslog_rfc5424_parser.SyslogMessage.parse(line).sd["dropgate@0"]
            return int(said["seq"]), said["verdict"], said["reason"], said.get("source")
        self.every_entry("syslog", facts)
        for line, entry in zip(self.formats["syslog"], self.formats["jsonl"], strict=True):
            message = syslog_rfc5424_parser.SyslogMessage.parse(line)
            self.assertEqual((message.appname, message.facility.name, message.version), ("dropgate", "audit", 1))
            self.assertEqual(list(message.sd), ["meta", "dropgate@0"], "not the number of documentation, 32473")
            self.assertEqual(message.sd["dropgate@0"]["seq"], str(json.loads(entry)["seq"]))
            self.assertEqual(json.loads(message.msg), json.loads(entry))
            # Text beyond ASCII would have to begin with a byte order mark (section 6.4).
            self.assertTrue(message.msg.isascii() and BOM not in line)
            for limit, field in ((255, message.hostname), (48, message.appname), (32, message.msgid)):
                self.assertRegex(field, r"\A[!-~]{1,%d}\Z" % limit)

    def test_the_figures_are_what_prometheus_takes(self):
        checked = subprocess.run(["promtool", "check", "metrics"], input=self.figures, capture_output=True, text=True)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""), self.figures)
        label = 'channel="{}",verdict="{}",reason="{}"'
        for channel, verdict, reason, least in (
                ("webhook", "accepted", "listed", 2), ("webhook", "accepted", "duplicate", 1),
                ("webhook", "rejected", "not_listed", 1), ("webhook", "rejected", "bad_path", 1),
                ("sftp", "rejected", "not_listed", 1), ("sftp", "rejected", "auth_failed", 1),
                ("sftp", "rejected", "unknown_account", 1), ("sftp", "accepted", "listed", 2)):
            name = f"dropgate_attempts_total{{{label.format(channel, verdict, reason)}}}"
            found = re.search(re.escape(name) + r" (\d+)\n", self.figures)
            self.assertTrue(found and int(found[1]) >= least, f"{name}\n{self.figures}")
        for directory in ("staging", "ledger"):
            self.assertRegex(self.figures, rf'dropgate_free_bytes{{directory="{directory}"}} [1-9]\d+\n')


if __name__ == "__main__":
    unittest.main()
