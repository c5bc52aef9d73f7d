"""The page of `dropgate report --format html` in a browser: on a desk, 500 pixels wide, and printed."""
# Needs: chromium poppler-utils
import html
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from clockgate import ClockGate  # noqa: E402
from gate import V2  # noqa: E402

LONG = "2001:db8:1234:5678:9abc:def0:1234:5678"
SOURCES = """name: a-hospital-with-a-long-name
entries:
  - {cidr: 20.21.208.105/32, service: vsee, channels: [webhook, sftp]}
  - {cidr: 20.21.208.0/24, service: observed-block, channels: [webhook], mode: observe}
  - {cidr: "2001:db8:1234:5678::/64", service: vsee, id: vsee-6, channels: [webhook]}
  - {cidr: 198.51.100.0/24, service: idle, channels: [webhook]}
"""
# A browser asks its maker for news by itself: this one has a network without any way out.
OFFLINE = ["unshare", "--net"] if os.getuid() == 0 else ["unshare", "--map-root-user", "--net"]
# Put into a copy of the page: its own rules let nothing run in it.
MEASURE = """<script>addEventListener("load", () => {
  const page = document.documentElement, wide = page.clientWidth;
  const texts = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > wide + 1);
  const broken = [...document.querySelectorAll(".ip")].filter((e) => e.getClientRects().length > 1);
  document.title = JSON.stringify({
    wide, scroll: page.scrollWidth, outside: texts.map((e) => e.tagName + " " + e.textContent.slice(0, 60)),
    addresses: document.querySelectorAll(".ip").length, broken: broken.map((e) => e.textContent)});
})</script>"""


class ReportPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        permitted = subprocess.run([*OFFLINE, "true"], capture_output=True, text=True)
        if permitted.returncode != 0:
            raise unittest.SkipTest("network namespaces are not permitted here: " + permitted.stderr.strip())
        cls.gate = ClockGate(sources=SOURCES, environment={
            "DROPGATE_WEBHOOK_ADDRESS": "x-forwarded-for", "DROPGATE_WEBHOOK_TRUSTED_PROXIES": "[127.0.0.0/8]"})
        cls.addClassCleanup(cls.gate.close)
        # Three years: some days of each, the last of them today.
        for days in (1090, 700, 365, 30, 1, 0):
            cls.gate.set_clock(-days * 86_400)
            cls.gate.start()
            for number, source in enumerate(["20.21.208.105", "20.21.208.77", LONG, "203.0.113.9", "20.21.207.1"]):
                cls.call(source, f"event-{days}-{number}")
            cls.gate.stop()

    @classmethod
    def call(cls, source, identity):
        subprocess.run(
            ["curl", "-sS", "-k", "--max-time", "20", "--interface", "127.0.0.2", "-o", os.devnull,
             "-H", f"X-Forwarded-For: {source}", "--data-binary", V2 % identity, cls.gate.url], check=True, timeout=30)

    def page(self, since):
        path = os.path.join(self.gate.root, "report.html")
        self.gate.run("report", "--since", since, "--format", "html", "--output", path, "--config", self.gate.config)
        with open(path) as file:
            return path, file.read()

    def browse(self, *arguments):
        profile = os.path.join(self.gate.root, "profile")
        self.addCleanup(shutil.rmtree, profile, ignore_errors=True)
        return subprocess.run(
            [*OFFLINE, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--hide-scrollbars", "--no-first-run", "--disable-background-networking", "--disable-component-update",
             f"--user-data-dir={profile}", *arguments], check=True, capture_output=True, text=True, timeout=120).stdout

    def measure(self, page, width):
        path = os.path.join(self.gate.root, "measured.html")
        rule = re.search(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", page).group()
        with open(path, "w") as file:
            file.write(page.replace(rule, MEASURE))
        dom = self.browse(f"--window-size={width},900", "--virtual-time-budget=5000", "--dump-dom", f"file://{path}")
        return json.loads(html.unescape(re.search(r"<title>(\{.*?\})</title>", dom).group(1)))

    def test_nothing_lies_outside_and_no_address_is_broken_at_any_width(self):
        for since in ("10m", "2d", "1095d"):
            _, page = self.page(since)
            for width in (500, 800, 1280):
                with self.subTest(since=since, width=width):
                    found = self.measure(page, width)
                    self.assertEqual(found["wide"], width)
                    self.assertLessEqual(found["scroll"], width, found)
                    self.assertEqual((found["outside"], found["broken"]), ([], []))
                    self.assertGreater(found["addresses"], 5)

    def test_nothing_runs_and_nothing_is_fetched(self):
        _, page = self.page("2d")
        self.assertIn("default-src 'none'; style-src 'unsafe-inline'", page)
        for forbidden in ("<script", "<link", "<img", "src=", "href=", "url(", "@import", "http://", "https://"):
            self.assertNotIn(forbidden, page)

    def test_the_chart_goes_over_the_whole_period_in_its_unit(self):
        for since, unit in (("10m", "minute"), ("2d", "hour"), ("1095d", "day")):
            self.assertIn(f"<h2>Attempts by {unit}</h2>", self.page(since)[1])

    def test_it_prints_with_whole_addresses(self):
        path, _ = self.page("1095d")
        paper = os.path.join(self.gate.root, "report.pdf")
        self.browse(f"--print-to-pdf={paper}", "--no-pdf-header-footer", f"file://{path}")
        words = subprocess.run(["pdftotext", "-layout", paper, "-"], check=True, capture_output=True,
                               text=True, timeout=60).stdout.split()
        for address in (LONG, "20.21.208.105/32", "2001:db8:1234:5678::/64"):
            self.assertIn(address, words)


if __name__ == "__main__":
    unittest.main()
