"""A real Prometheus scrapes a gate: the figures are true, the alerts of Deploy/prometheus load and fire, and each panel of
Deploy/grafana asks for figures that the gate has.
"""
# Needs: prometheus
import json
import os
import re
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.parse
import urllib.request

from gate import V2, Gate, free_port, read, wait_until

DEPLOY = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../Deploy"))
RULES = os.path.join(DEPLOY, "prometheus/rules.yml")
DASHBOARD = os.path.join(DEPLOY, "grafana/dropgate.json")
GUIDE = os.path.join(DEPLOY, "../.github/guides/watching.md")
ALERT_TESTS = os.path.join(os.path.dirname(__file__), "alerts_test.yml")
# Of parts that the gate of these tests does not have: expected contact, forwarding; or of what does not happen to it.
ABSENT = {"dropgate_problem", "dropgate_source_silent", "dropgate_source_last_contact_timestamp_seconds",
          "dropgate_forward_failing", "dropgate_forward_waiting_seconds", "dropgate_ledger_witness_failure_timestamp_seconds"}

SETTINGS = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: ["%s"]
scrape_configs:
  - job_name: dropgate
    authorization: {credentials_file: "%s"}
    static_configs: [{targets: ["127.0.0.1:%d"]}]
"""


class Prometheus:
    """One that scrapes a gate, with its data in a directory of its own."""

    def __init__(self, root, gate):
        self.root, self.port = root, free_port()
        self.token = os.path.join(gate.home, "state/console.token")
        config = os.path.join(root, "prometheus.yml")
        with open(config, "w") as file:
            file.write(SETTINGS % (RULES, self.token, gate.ports["console"]))
        with open(os.path.join(root, "log"), "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={root}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}"], stdout=log, stderr=log)

    def ask(self, path, **query):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def value(self, expression):
        """Of an expression with one result; None when it has none."""
        found = self.ask("query", query=expression)["result"]
        return float(found[0]["value"][1]) if found else None

    def is_up(self):
        try:
            return self.value('up{job="dropgate"}') == 1
        except OSError:
            return False

    def close(self):
        self.process.kill()
        self.process.wait()


class PrometheusTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gate = Gate()
        cls.addClassCleanup(cls.gate.close)
        cls.gate.start()
        root = tempfile.TemporaryDirectory(prefix="prometheus-")
        cls.addClassCleanup(root.cleanup)
        cls.prometheus = Prometheus(root.name, cls.gate)
        cls.addClassCleanup(cls.prometheus.close)
        wait_until(cls.prometheus.is_up, 60, "Prometheus's first scrape")

    def shows(self, expression, value):
        wait_until(lambda: self.prometheus.value(expression) == value, what=f"{expression} = {value}, which is "
                   f"{self.prometheus.value(expression)} at first,")

    def test_a_delivery_and_a_refusal_show_in_the_figures(self):
        gate = self.gate
        body = V2 % "scraped"
        for _ in range(2):
            self.assertEqual(gate.post(body).returncode, 0)
        self.assertEqual(gate.sftp(f'put {gate.file("scraped.txt", b"some bytes")} scraped.txt\n').returncode, 0)
        gate.sftp("ls\n", source="127.0.0.9")
        self.shows('dropgate_stored_drops_total{channel="webhook"}', 1)
        self.shows('dropgate_stored_bytes_total{channel="webhook"}', len(body))
        self.shows('dropgate_stored_bytes_total{channel="sftp"}', len(b"some bytes"))
        self.shows('dropgate_attempts_total{channel="webhook",reason="duplicate"}', 1)
        self.shows('dropgate_attempts_total{channel="sftp",reason="not_listed"}', 1)
        self.shows('dropgate_webhook_answer_seconds_count{code="2xx"}', 2)
        self.shows("dropgate_unstaged_events", 0)
        # Counted once in ten seconds.
        self.shows("dropgate_ready_drops", 2)
        self.assertGreater(self.prometheus.value("dropgate_ledger_commit_seconds_count"), 0)
        self.assertGreaterEqual(self.prometheus.value("dropgate_ledger_commit_operations_sum"),
                                self.prometheus.value("dropgate_ledger_commit_operations_count"))

    def test_a_session_is_counted_while_it_lasts(self):
        client = subprocess.Popen(
            ["sftp", "-q", *self.gate.ssh_options(), "-P", str(self.gate.ports["sftp"]), "-i", self.gate.key, "vsee@127.0.0.1"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        self.shows("dropgate_sftp_sessions", 1)
        self.assertGreaterEqual(self.prometheus.value("dropgate_sftp_connections"), 1)
        client.stdin.close()
        self.shows("dropgate_sftp_sessions", 0)

    def test_the_process_is_that_of_the_gate(self):
        pid = self.gate.process.pid
        self.assertEqual(self.prometheus.value("process_max_fds"),
                         int(re.search(r"Max open files +(\d+)", read(f"/proc/{pid}/limits"))[1]))
        self.assertLess(abs(self.prometheus.value("process_open_fds") - len(os.listdir(f"/proc/{pid}/fd"))), 20)
        resident = int(re.search(r"VmRSS:\s+(\d+) kB", read(f"/proc/{pid}/status"))[1]) * 1024
        self.assertLess(abs(self.prometheus.value("process_resident_memory_bytes") - resident), 32 << 20)
        self.assertGreater(self.prometheus.value("process_cpu_seconds_total"), 0)
        started = self.prometheus.value("time() - process_start_time_seconds")
        self.assertTrue(0 < started < 600, started)

    def test_all_alerts_are_loaded_and_can_be_evaluated(self):
        groups = self.prometheus.ask("rules")["groups"]
        self.assertEqual([group["name"] for group in groups], ["dropgate"])
        wait_until(lambda: all(rule["health"] == "ok" for rule in self.prometheus.ask("rules")["groups"][0]["rules"]),
                   what="the evaluation of all rules")

    def test_a_problem_of_readyz_is_an_alert(self):
        with Gate(environment={"DROPGATE_STAGING_RESERVE": "900TiB"}) as gate, \
                tempfile.TemporaryDirectory(prefix="prometheus-") as root:
            prometheus = Prometheus(root, gate)
            try:
                wait_until(prometheus.is_up, 60, "the first scrape")
                wait_until(lambda: prometheus.value('dropgate_problem{problem="space"}') == 1, what="the problem")
                self.assertEqual(prometheus.value("dropgate_accepting"), 0)
                wait_until(lambda: {alert["labels"]["alertname"] for alert in prometheus.ask("alerts")["alerts"]}
                           >= {"DropgateNotAccepting", "DropgateProblem", "DropgateSpaceLow"}, what="the alerts")
            finally:
                prometheus.close()

    def test_each_alert_fires_when_it_should_and_not_before(self):
        with tempfile.TemporaryDirectory() as root:
            path = os.path.join(root, "alerts_test.yml")
            with open(path, "w") as file:
                file.write(read(ALERT_TESTS).replace("[RULES]", f'["{RULES}"]'))
            tested = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, cwd=root)
        self.assertEqual(tested.returncode, 0, tested.stdout + tested.stderr)
        # None is left out.
        for name in re.findall(r"- alert: (\w+)", read(RULES)):
            self.assertIn(f'alertname="{name}"', read(ALERT_TESTS))

    def test_the_guide_lists_each_figure(self):
        told = set(re.findall(r"`((?:dropgate|process)_[a-z_]+)(?:\{[a-z,]*\})?`", read(GUIDE).partition("## Metrics")[2]))
        shown = set()
        for family in self.prometheus.ask("targets/metadata", match_target='{job="dropgate"}'):
            shown.add(family["metric"])
        self.assertEqual(shown - told, set(), "are not in the guide")
        self.assertEqual({name for name in told - shown if not name.startswith("dropgate_forward_")}, set(), "are no figures")

    def test_alerts_and_panels_ask_for_figures_that_there_are(self):
        known = set(self.prometheus.ask("label/__name__/values"))
        expressions = [rule["query"] for rule in self.prometheus.ask("rules")["groups"][0]["rules"]]
        panels = [panel for panel in json.loads(read(DASHBOARD))["panels"] if panel["type"] != "row"]
        asked = [target["expr"] for panel in panels for target in panel["targets"]]
        self.assertGreater(len(asked), 30)
        for expression in asked:
            expression = expression.replace("$__rate_interval", "1m").replace("$instance", ".*")
            self.ask_for(expression)
            expressions.append(expression)
        for expression in expressions:
            # Names of figures, and not of labels or functions.
            for name in re.findall(r"\b((?:dropgate|process)_[a-z_]+)\b(?!\s*=)", expression):
                if name not in ABSENT and not re.search(rf'"{name}"', expression):
                    self.assertIn(name, known, expression)

    def ask_for(self, expression):
        try:
            self.prometheus.ask("query", query=expression)
        except urllib.error.HTTPError as error:
            self.fail(f"{expression}: {error.read().decode()}")

    def test_panels_have_places_of_their_own_and_say_what_they_show(self):
        panels = json.loads(read(DASHBOARD))["panels"]
        taken, ids = set(), set()
        for panel in panels:
            place = panel["gridPos"]
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(cells & taken, panel["title"])
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            taken |= cells
            self.assertNotIn(panel["id"], ids)
            ids.add(panel["id"])
            self.assertTrue(panel["title"])


if __name__ == "__main__":
    unittest.main()
