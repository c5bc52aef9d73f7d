"""The console's pages, in a real browser and by hand: what people see and do, what nobody else may, and that everybody can use them."""
# Needs: openssl pypi curl chromium chromium-driver python3-cryptography
import glob
import html
import html.parser
import http.client
import json
import os
import re
import select
import socket
import ssl
import subprocess
import tempfile
import time
import unittest
import urllib.parse

import axe_playwright_python
from gate import V2, Gate, read, wait_until
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait
from test_api import token
from tlspeer import TLS12, TLS13, Authority, trusting

AXE = os.path.join(os.path.dirname(axe_playwright_python.__file__), "axe.min.js")
# Where somebody who wants to look finds pictures of all pages: SHOTS=DIR.
SHOTS = os.environ.get("SHOTS")
PAGES = ("/", "/?period=30d", "/attempts", "/attempts?verdict=rejected&since=2020-01-01T00:00:00Z", "/attempts/3", "/sources",
         "/sources/entry?id=test/vsee", "/sources/explain?ip=127.0.0.9", "/drops", "/reachability",
         "/reachability/rules?direction=ingress&format=nftables", "/ledger", "/report", "/reference")
SECRET = "s3cret-part-of-the-path"


class Chromium:
    """A browser; what it asks of other hosts, and what its console says, is kept."""

    def __init__(self, gate, script=True, dark=False, phone=False):
        self.base = f"http://127.0.0.1:{gate.ports['console']}"
        self.downloads = tempfile.mkdtemp(prefix="downloads-", dir=gate.root)
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en",
                         f"--user-data-dir={tempfile.mkdtemp(prefix='chromium-', dir=gate.root)}",
                         # Nothing that the browser wants for itself.
                         "--disable-background-networking", "--disable-component-update", "--no-first-run"):
            options.add_argument(argument)
        options.add_experimental_option("prefs", {
            "download.default_directory": self.downloads,
            "profile.managed_default_content_settings.javascript": 1 if script else 2})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
                         {"name": "prefers-reduced-motion", "value": "reduce"}]})
        self.size = (390, 844) if phone else (1280, 900)
        self.resize(self.size[1])

    def resize(self, height):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": self.size[0], "height": height, "deviceScaleFactor": 1, "mobile": self.size[0] < 600})

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.driver.quit()

    def go(self, path):
        self.driver.get(self.base + path)
        return self

    def sign_in(self, secret):
        self.go("/login")
        self.one("#token").send_keys(secret)
        self.press("Sign in")
        self.wait(lambda: "/login" not in self.driver.current_url, "the first page")
        return self

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def press(self, text, leads=True):
        """A button, or a link, with this text; it leads to another page, or to this one anew."""
        page = self.one("html")
        self.driver.find_element(By.XPATH, f"//button[normalize-space()='{text}'] | //a[normalize-space()='{text}']").click()
        if leads:
            self.wait(lambda: self.is_left(page), f"the page behind {text}")

    @staticmethod
    def is_left(page):
        try:
            page.is_enabled()
            return False
        # While the next page comes the driver has several words for it.
        except WebDriverException:
            return True

    @property
    def text(self):
        return self.one("main").text

    def wait(self, condition, what, seconds=20):
        WebDriverWait(self.driver, seconds, poll_frequency=0.05).until(lambda _: condition(), f"{what} did not come")

    def complaints(self):
        """What the browser's console says, but for advice, and what was asked of anybody else."""
        # That an answer is no is told as an error, too.
        said = [line["message"] for line in self.driver.get_log("browser")
                if line["level"] != "DEBUG" and "the server responded with a status of 409" not in line["message"]]
        for line in self.driver.get_log("performance"):
            message = json.loads(line["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                if not url.startswith((self.base + "/", "data:", "about:", "chrome:")):
                    said.append(f"asks {url}")
        return said

    def picture(self, name):
        if SHOTS:
            self.resize(min(4000, self.driver.execute_script("return document.documentElement.scrollHeight")))
            self.driver.save_screenshot(os.path.join(SHOTS, f"{name}.png"))
            self.resize(self.size[1])

    def downloaded(self, pattern):
        path = wait_until(lambda: glob.glob(os.path.join(self.downloads, pattern)), what=f"the download {pattern}")[0]
        with open(path, "rb") as file:
            return path, file.read()


def own_token(gate):
    return read(os.path.join(gate.home, "state/console.token")).strip()


class QuarantineGate(Gate):
    """A gate that holds what comes from strangers who know its secret."""

    def __enter__(self):
        secret = self.file("secret", SECRET.encode())
        os.chmod(secret, 0o600)
        self.environment.update(DROPGATE_WEBHOOK_UNLISTED="quarantine", DROPGATE_WEBHOOK_SECRET_FILE=secret)
        return super().__enter__()

    def call(self, name, source="127.0.0.2", more=""):
        answer = subprocess.run(
            ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "--interface", source, "--data-binary", V2 % name,
             f"{self.url}/{SECRET}{more}"], capture_output=True, text=True, timeout=30)
        return answer.stdout


class Day(unittest.TestCase):
    """What people do at the console, from the sign-in to the sign-out."""

    @classmethod
    def setUpClass(cls):
        cls.gate = QuarantineGate()
        cls.gate.__enter__()
        cls.addClassCleanup(cls.gate.__exit__, None, None, None)
        for number in range(5):
            cls.gate.call(f"e-{number}")
        cls.gate.call("strange", "127.0.0.9")
        cls.secret = token(cls.gate, "boss", "operator")
        cls.browser = Chromium(cls.gate)
        cls.addClassCleanup(cls.browser.driver.quit)
        cls.browser.sign_in(cls.secret)

    def tearDown(self):
        self.assertEqual(self.browser.complaints(), [])

    def test_an_attempt_appears_while_somebody_looks(self):
        browser = self.browser.go("/attempts?channel=webhook")
        browser.wait(lambda: browser.one("[data-live-state]").text == "live", "the stream")
        before = len(browser.all("tbody tr"))
        self.gate.call("live1")
        browser.wait(lambda: "live1" in browser.one("tbody tr").text, "the row")
        self.assertEqual(len(browser.all("tbody tr")), before + 1)
        self.assertIn("accepted", browser.one("tbody tr").text)
        # It is the row that the server makes of it later, too.
        row = browser.one("tbody tr").text
        self.assertEqual(browser.go("/attempts?channel=webhook").one("tbody tr").text, row)

    def test_filters_are_in_the_address_and_an_entry_tells_how_it_was_decided(self):
        self.gate.post("never", source="127.0.0.8")
        browser = self.browser.go("/attempts")
        browser.one("#source").send_keys("127.0.0.8")
        browser.one("input[name=verdict][value=rejected]").click()
        browser.press("Filter")
        self.assertIn("source=127.0.0.8", browser.driver.current_url)
        self.assertIn("verdict=rejected", browser.driver.current_url)
        rows = browser.all("tbody tr")
        self.assertTrue(rows and all("127.0.0.8" in row.text for row in rows))
        self.assertTrue(browser.one("input[name=verdict][value=rejected]").is_selected())
        browser.one("tbody tr a").click()
        self.assertIn("127.0.0.8 is in none of", browser.one("ol.trace").text)
        self.assertIn("source.ip", browser.one(".facts").text)
        # What cannot be meant is said, and nothing is lost of the form.
        browser.go("/attempts?source=999")
        self.assertIn("write an address", browser.one(".problem").text)
        self.assertEqual(browser.one("#source").get_attribute("value"), "999")

    def test_the_tester_decides_as_the_gate_does(self):
        browser = self.browser.go("/sources")
        browser.one("#ip").send_keys("127.0.0.2")
        browser.press("Decide")
        self.assertEqual([shown.text for shown in browser.all(".decision .verdict")], ["accepted", "accepted"])
        self.assertIn("test/vsee", browser.text)
        browser.go("/sources/explain?forwarded_for=127.0.0.2")
        self.assertIn("give its address", browser.one(".problem").text)
        browser.go("/sources/explain?peer=10.0.0.5&forwarded_for=127.0.0.2")
        self.assertIn("10.0.0.5", browser.one("ol.trace").text)

    def test_an_entry_is_reviewed_after_a_look_at_what_that_comes_to(self):
        browser = self.browser.go("/sources/entry?id=test/vsee")
        browser.driver.execute_script("document.getElementById('review').value = '2030-01-31'")
        browser.press("Review")
        self.assertIn("2030-01-31", browser.one(".difference").text)
        self.assertIn("Nobody.", browser.text)
        file = os.path.join(self.gate.home, "sources/test.yaml")
        self.assertNotIn("2030", read(file))
        browser.one("#comment").send_keys("read the document again")
        browser.press("Change the list")
        self.assertIn("The list is changed", browser.one(".notice").text)
        self.assertIn("review_by: 2030-01-31", read(file))
        entry = self.gate.entries("--kind", "policy", "--text", "source review")[-1]
        self.assertEqual((entry["detail"]["token"], entry["detail"]["comment"]), ("boss", "read the document again"))
        self.assertRegex(entry["detail"]["session"], "^[0-9a-f]{8}$")
        # Said once.
        self.assertNotIn("The list is changed", browser.go("/sources").text)

    def test_what_is_held_is_released_once_its_source_is_listed(self):
        browser = self.browser.go("/drops")
        browser.driver.find_element(By.CSS_SELECTOR, "section[aria-labelledby=held] tbody a").click()
        held = browser.driver.current_url.rpartition("/")[2]
        browser.press("Release")
        self.assertIn("still refused", browser.text)
        browser.go("/sources")
        for name, value in (("cidr", "127.0.0.9"), ("service", "moved")):
            browser.one(f"#{name}").send_keys(value)
        browser.one("form[action='/sources/add'] input[value=webhook]").click()
        Select(browser.one("#list")).select_by_visible_text("test")
        browser.press("Show the effect")
        self.assertIn("127.0.0.9", browser.one(".difference").text)
        self.assertIn("it is let in from now on", browser.text)
        browser.press("Change the list")
        wait_until(lambda: self.gate.entries("--reason", "changed", "--text", "moved", "--verdict", "accepted", "--text", "in force")
                   or "accepted" in browser.go("/sources/explain?ip=127.0.0.9").text, what="the list")

        def released():
            browser.go(f"/drops/{held}").press("Release")
            return "is released" in browser.text
        wait_until(released, what="the release", pause=0.3)
        wait_until(lambda: browser.go(f"/drops/{held}").one(".head .state").text == "released", what="the file")
        browser.press("Acknowledge")
        wait_until(lambda: browser.go(f"/drops/{held}").one(".head .state").text == "acknowledged", what="the acknowledgement")

    def test_an_upload_is_withdrawn_before_a_consumer_has_it(self):
        self.assertEqual(self.gate.sftp(f'put {self.gate.file("wrong", b"wrong")} wrong.csv\n').returncode, 0)
        drop = next(drop for drop in self.gate.drops() if drop["name"] == "wrong.csv")["drop"]
        browser = self.browser.go(f"/drops/{drop}")
        browser.one("#why").send_keys("of another clinic")
        browser.press("Withdraw")
        self.assertIn("it is in quarantine now", browser.one(".notice").text)
        self.assertEqual(browser.one(".head .state").text, "withdrawn")
        self.assertEqual([button.text for button in browser.all("main button")], [])
        entry = self.gate.entries("--drop", drop)[-1]
        self.assertEqual((entry["reason"], entry["detail"]["token"], entry["detail"]["comment"]),
                         ("withdrawn", "boss", "of another clinic"))

    def test_an_export_and_a_proof_are_downloaded_and_good(self):
        browser = self.browser.go("/attempts?channel=webhook&verdict=accepted")
        browser.one("main > details summary").click()
        Select(browser.one("#format")).select_by_value("jsonl")
        browser.press("Export all that match", leads=False)
        lines = browser.downloaded("attempts.jsonl")[1].splitlines()
        entries = self.gate.entries("--channel", "webhook", "--verdict", "accepted")
        self.assertEqual([json.loads(line)["seq"] for line in lines], [entry["seq"] for entry in entries])
        self.assertEqual(self.gate.entries("--reason", "exported", "--text", "boss")[-1]["detail"]["command"], "attempts")
        seq = entries[0]["seq"]
        wait_until(lambda: browser.go(f"/attempts/{seq}").all("section[aria-labelledby=proof] pre"), what="a checkpoint", pause=0.3)
        for link in browser.all("a[download]"):
            link.click()
        entry, proof, key = (browser.downloaded(name)[0] for name in (f"entry-{seq}.json", f"entry-{seq}.proof", "ledger.pub"))
        program = os.path.join(os.path.dirname(__file__), "../../Deploy/verify-bundle.py")
        verified = subprocess.run(["/usr/bin/python3", program, "--key", key, "--proof", proof, entry],
                                  capture_output=True, text=True, timeout=60)
        self.assertEqual(verified.returncode, 0, verified.stderr)

    def test_the_ledger_is_verified_and_a_report_is_made_while_somebody_looks(self):
        browser = self.browser.go("/ledger")
        browser.press("Verify the whole ledger")
        browser.wait(lambda: browser.all("p.headline"), "the verdict")
        self.assertIn("Verified: ", browser.one("p.headline").text)
        browser.go("/report").press("Make the report")
        browser.wait(lambda: browser.all("a.button"), "the report")
        browser.press("Open the report")
        self.assertIn("Who knocked", browser.one("h1").text)
        self.assertEqual(self.gate.entries("--reason", "exported", "--text", "boss", "--text", "report")[-1]["detail"]["command"], "report")

    def test_a_probe_tells_each_step(self):
        browser = self.browser.go("/reachability")
        browser.one("#target").send_keys(self.gate.url)
        browser.press("Probe")
        browser.wait(lambda: browser.all("p.headline"), "what it came to")
        self.assertRegex(browser.text, r"connect \d+\.\d+ s")
        self.assertRegex(browser.text, r"tls \d+\.\d+ s")

    def test_the_overview_says_what_needs_a_person(self):
        browser = self.browser.go("/")
        wait_until(lambda: "checks are being made" not in browser.go("/").text, what="the checks", pause=0.3)
        self.assertRegex(browser.one("h1").text, "The gate accepts. .* a person.")
        self.assertTrue(browser.all(".chart rect.accepted"))
        self.assertIn("accepted", browser.one(".chart").get_attribute("aria-label"))


class Looks(unittest.TestCase):
    """Every page, with and without script, in the light and in the dark, on a desk and on a telephone."""

    def test_nobody_is_kept_out(self):
        with QuarantineGate() as gate:
            for number in range(3):
                gate.call(f"e-{number}")
            gate.call("strange", "127.0.0.9")
            gate.post("x", source="127.0.0.8")
            secret = token(gate, "boss", "operator")
            for name, options in (("light", {}), ("dark", {"dark": True}), ("phone", {"phone": True}), ("plain", {"script": False})):
                with Chromium(gate, **options) as browser:
                    browser.go("/login")
                    browser.picture(f"login-{name}")
                    if name != "plain":
                        self.assertEqual(self.findings(browser), [], "the sign-in")
                    browser.sign_in(secret)
                    drop = browser.go("/drops").one("tbody a").get_attribute("href").rpartition("/")[2]
                    for path in (*PAGES, f"/drops/{drop}"):
                        with self.subTest(page=path, looks=name):
                            browser.go(path)
                            wait_until(lambda: "in a moment" not in browser.go(path).text, what="what is looked up", pause=0.2)
                            browser.picture(re.sub(r"\W+", "-", path.partition("?")[0].strip("/") or "overview") + "-" + name)
                            self.assertTrue(browser.one("h1").text)
                            # Nothing is wider than the window.
                            if name != "plain":
                                self.assertLessEqual(browser.driver.execute_script("return document.documentElement.scrollWidth"), browser.size[0])
                                self.assertEqual(self.findings(browser), [])
                    if name == "plain":
                        self.assertNotIn("live", [shown.text for shown in browser.all("[data-live-state]")])
                    self.assertEqual(browser.complaints(), [])

    @staticmethod
    def findings(browser):
        """What axe-core finds of WCAG 2.2 A and AA, and of its best practices."""
        browser.driver.execute_script(read(AXE))
        found = browser.driver.execute_async_script("axe.run(document).then(arguments[0])")
        assert len(found["passes"]) > 10, found
        return [f"{violation['id']}: {violation['help']}: {node['html'][:200]}"
                for violation in found["violations"] for node in violation["nodes"]]

    def test_by_the_keyboard_alone_somebody_signs_in_and_filters(self):
        from selenium.webdriver.common.keys import Keys
        with Gate() as gate, Chromium(gate) as browser:
            gate.post(V2 % "e-1")
            browser.go("/login")
            browser.driver.switch_to.active_element.send_keys(token(gate, "viewer", "viewer"), Keys.ENTER)
            browser.wait(lambda: "/login" not in browser.driver.current_url, "the first page")
            browser.go("/attempts")
            # The first stop leads past the navigation.
            browser.one("body").send_keys(Keys.TAB)
            self.assertEqual(browser.driver.switch_to.active_element.text, "Skip to content")
            browser.driver.switch_to.active_element.send_keys(Keys.ENTER, Keys.TAB)
            self.assertEqual(browser.driver.switch_to.active_element.get_attribute("id"), "source")
            browser.driver.switch_to.active_element.send_keys("127.0.0.2", Keys.ENTER)
            browser.wait(lambda: "source=127.0.0.2" in browser.driver.current_url, "the filter")
            # A viewer is shown nothing to change or to take away.
            for path in ("/sources", "/sources/entry?id=test/vsee", "/attempts", "/ledger", "/reachability"):
                browser.go(path)
                self.assertEqual([form.get_attribute("action") for form in browser.all("main form[method=post]")], [], path)
            self.assertNotIn("Report", browser.one("nav").text)
            browser.press("Sign out")
            self.assertIn("/login", browser.driver.current_url)
            browser.go("/attempts")
            self.assertIn("/login?next=/attempts", browser.driver.current_url)


class Client:
    """One client that speaks HTTP by hand."""

    def __init__(self, gate):
        self.gate, self.cookie = gate, None

    def ask(self, path, form=None, **headers):
        """Status, headers and text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.gate.ports["console"], timeout=20)
        own = {"Cookie": self.cookie} if self.cookie else {}
        own |= {"Content-Type": "application/x-www-form-urlencoded"} if form is not None else {}
        own |= {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request("GET" if form is None else "POST", path,
                               form if isinstance(form, str) else urllib.parse.urlencode(form or {}), own)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def sign_in(self, secret, **more):
        status, headers, text = self.ask("/login", {"token": secret, **more})
        if status == 303:
            self.cookie = headers["Set-Cookie"].partition(";")[0]
        return status, headers, text

    def form_key(self, path="/"):
        return re.search('name="form_key" value="([0-9a-f]{64})"', self.ask(path)[2])[1]


class Markup(html.parser.HTMLParser):
    """What is markup in a page."""

    def __init__(self, text):
        super().__init__()
        self.names, self.attributes, self.scripts = set(), set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "script":
            self.scripts.append(dict(attrs).get("src"))


class Refusals(unittest.TestCase):
    """Who is kept out, and that the ledger says so."""

    def setUp(self):
        # Of their own: refusals of one reason from one address become few entries.
        self.gate = Gate()
        self.gate.__enter__()
        self.addCleanup(self.gate.__exit__, None, None, None)
        self.gate.post(V2 % "e-1")
        self.operator = token(self.gate, "boss", "operator")

    def refused(self, code):
        return wait_until(lambda: self.gate.entries("--channel", "console", "--verdict", "rejected", "--text", code), what=code)[-1]

    def test_nobody_sees_a_page_without_signing_in_and_a_session_ends_with_its_token(self):
        client = Client(self.gate)
        for path in PAGES:
            status, headers, _ = client.ask(path)
            self.assertEqual(status, 303, path)
            self.assertTrue(headers["Location"].startswith("/login?next="), path)
        # What was pasted with a line end is what it was.
        self.assertEqual(Client(self.gate).sign_in(f" {self.operator}\r\n")[0], 303)
        # Behind a form that was sent too late its page is asked for anew, and not what the form went to.
        self.assertEqual(client.ask("/sources/change", {"id": "test/vsee"})[1]["Location"], "/login")
        # A token in a header opens the API, not the pages.
        self.assertEqual(client.ask("/attempts", Authorization=f"Bearer {self.operator}")[0], 303)
        secret = token(self.gate, "short-lived", "viewer")
        status, headers, _ = client.sign_in(secret)
        self.assertEqual(status, 303)
        for word in ("HttpOnly", "SameSite=Strict", "Path=/"):
            self.assertIn(word, headers["Set-Cookie"])
        status, headers, _ = client.ask("/attempts")
        self.assertEqual((status, headers["Cache-Control"], headers["X-Content-Type-Options"]), (200, "no-store", "nosniff"))
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertNotIn("unsafe", headers["Content-Security-Policy"])
        self.gate.run("token", "revoke", "short-lived", "--config", self.gate.config)
        self.assertEqual(client.ask("/attempts")[0], 303)

    def test_a_stolen_cookie_without_the_forms_key_changes_nothing(self):
        client = Client(self.gate)
        client.sign_in(self.operator)
        own = client.form_key()
        other = Client(self.gate)
        other.sign_in(self.operator)
        change = {"id": "test/vsee", "action": "remove"}
        for key in ({}, {"form_key": ""}, {"form_key": "0" * 64}, {"form_key": other.form_key()}):
            status, _, text = client.ask("/sources/change", {**change, **key})
            self.assertEqual(status, 403, key)
            self.assertIn("form key of your session", text)
        self.assertEqual(self.refused("form_key")["request"]["path"], "/sources/change")
        # The API takes the cookie for looking, and for more with the key alone.
        self.assertEqual(client.ask("/api/v1/status")[0], 200)
        for headers in ({}, {"X_Dropgate_Form_Key": other.form_key()}):
            self.assertEqual(client.ask("/api/v1/ledger/verify", "", **headers)[0], 403)
        self.assertEqual(client.ask("/api/v1/ledger/verify", "", X_Dropgate_Form_Key=own)[0], 202)
        self.assertEqual(client.ask("/logout", {})[0], 403)
        self.assertEqual(client.ask("/logout", {"form_key": own})[0], 303)
        self.assertEqual(client.ask("/attempts")[0], 303)

    def test_a_page_that_shows_what_comes_and_connects_again_goes_on_behind_what_it_has_shown(self):
        client = Client(self.gate)
        client.sign_in(self.operator)
        for number in range(3):
            self.gate.post(V2 % f"live {number}")
        last = max(entry["seq"] for entry in self.gate.entries())

        def ids(**headers):
            """Where the stream begins, and its first row."""
            connection = http.client.HTTPConnection("127.0.0.1", self.gate.ports["console"], timeout=30)
            self.addCleanup(connection.close)
            connection.request("GET", f"/attempts/live?after={last - 2}", headers={"Cookie": client.cookie, **headers})
            answer = connection.getresponse()
            self.assertEqual(answer.status, 200)
            self.gate.post(V2 % f"and another {headers}")
            lines = (line for line in iter(answer.readline, b"") if line.startswith(b"id: "))
            return int(next(lines)[4:]), int(next(lines)[4:])
        self.assertEqual(ids(), (last - 2, last - 1))
        begin, first = ids(**{"Last-Event-ID": str(last)})
        self.assertEqual(begin, last)
        self.assertGreater(first, last)

    def test_pages_of_other_sites_are_not_answered(self):
        client = Client(self.gate)
        client.sign_in(self.operator)
        key = client.form_key()
        for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"},
                        {"Sec_Fetch_Site": "same-site"}):
            for path, form in (("/sources/change", {"id": "test/vsee", "action": "remove", "form_key": key}), ("/attempts/live", None),
                               ("/login", {"token": self.operator})):
                self.assertEqual(client.ask(path, form, **headers)[0], 403, (path, headers))
        self.assertEqual(self.refused("cross_origin")["reason"], "forbidden_operation")
        # A link to a page is followed.
        self.assertEqual(client.ask("/attempts", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document")[0], 200)

    def test_a_role_that_is_too_small_may_not(self):
        client = Client(self.gate)
        client.sign_in(token(self.gate, "looker", "viewer"))
        key = client.form_key()
        for path in ("/sources/change", "/sources/add", "/ledger/verify", "/report", "/reachability/probe"):
            self.assertEqual(client.ask(path, {"form_key": key})[0], 403, path)
        self.assertEqual(client.ask("/report")[0], 403)
        self.assertEqual(self.refused("forbidden")["request"]["status"], 403)
        consumer = Client(self.gate)
        _, headers, _ = consumer.sign_in(token(self.gate, "eater", "consumer"))
        self.assertEqual(headers["Location"], "/drops")
        self.assertEqual([consumer.ask(path)[0] for path in ("/", "/attempts", "/sources", "/ledger", "/drops", "/reference")],
                         [403] * 4 + [200] * 2)
        # What it may ask the API is told to who may ask anything.
        described = json.loads(consumer.ask("/api/v1/openapi.json")[2])
        told = consumer.ask("/reference")[2]
        for path, methods in described["paths"].items():
            for method in methods:
                self.assertIn(f"<code>{method.upper()} /api/v1{path}</code>", told)

    def test_what_is_too_long_is_refused(self):
        client = Client(self.gate)
        client.sign_in(self.operator)
        self.assertEqual(client.ask("/sources/add", "note=" + "x" * 200_000)[0], 413)
        self.assertEqual(self.refused("too_large")["reason"], "too_large")
        self.assertEqual(client.ask("/sources/add", "x", Content_Type="text/plain")[0], 415)
        self.assertEqual(client.ask("/attempts?what=1")[0], 400)

    def test_nobody_is_sent_to_another_site(self):
        for place in ("//evil.example", "/\\evil.example", "https://evil.example/", "javascript:alert(1)", "/a\r\nSet-Cookie: x=1", ""):
            status, headers, _ = Client(self.gate).sign_in(self.operator, next=place)
            self.assertEqual((status, headers["Location"]), (303, "/"), place)
            self.assertIsNone(re.search("x=1", headers["Set-Cookie"]))
        self.assertEqual(Client(self.gate).sign_in(self.operator, next="/drops?state=released")[1]["Location"], "/drops?state=released")

    def test_text_from_outside_stays_text(self):
        markup = "<script>alert(1)</script>'\"><img src=x onerror=alert(1)>&lt;\u0301"
        client = Client(self.gate)
        client.sign_in(self.operator)
        shown = []
        for path in ("/attempts?text=", "/attempts?account=", "/sources/explain?ip=", "/sources/entry?id=", "/drops/", "/jobs/"):
            shown.append(client.ask(path + urllib.parse.quote(markup, safe=""))[2])
        shown.append(client.ask("/login?next=" + urllib.parse.quote("/" + markup, safe=""))[2])
        self.gate.sftp(f"put {self.gate.file('odd', b'x')} \"a<b>'\u0301&\"\n")
        wait_until(lambda: len(self.gate.drops()) > 1, what="the upload")
        shown += [client.ask(path)[2] for path in ("/attempts", "/drops")]
        for text in shown:
            page = Markup(text)
            self.assertEqual(page.scripts, ["/assets/console.js"])
            self.assertTrue(page.names.isdisjoint({"img", "b"}) and not any(name.startswith("on") for name in page.attributes), page.names)
        self.assertIn("a&lt;b&gt;&#39;", shown[-1])

    def test_the_ingress_knows_none_of_it(self):
        for path in ("/", "/login", "/attempts", "/assets/console.css", "/api/v1/status", "/jobs/0"):
            answer = subprocess.run(
                ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "--interface", "127.0.0.2",
                 f"https://127.0.0.1:{self.gate.ports['webhook']}{path}"], capture_output=True, text=True, timeout=30)
            self.assertEqual(answer.stdout, "404", path)


class ListsOfRoot(unittest.TestCase):
    def test_a_gate_that_may_not_change_its_lists_says_which_command_does(self):
        with Gate() as gate:
            sources = os.path.join(gate.home, "sources")
            gate.stop()
            # Its own user, as a service has it, is another one than the owner of the lists.
            gate.wrapper = ["unshare", "--mount", "sh", "-c", f"mount --bind {sources} {sources} && mount -o remount,ro,bind {sources} && exec \"$@\"", "-"]
            gate.start()
            client = Client(gate)
            client.sign_in(own_token(gate))
            change = {"form_key": client.form_key(), "id": "test/vsee", "action": "review", "day": "2030-01-31"}
            status, _, text = client.ask("/sources/change", change)
            self.assertEqual(status, 200)
            command = re.search("<pre[^>]*>(sudo dropgate source review [^<]*)</pre>", text)[1]
            self.assertNotIn("Change the list", text)
            base = json.loads(client.ask("/api/v1/sources")[2])["policy"]
            status, _, text = client.ask("/sources/change", {**change, "base": base})
            self.assertEqual(status, 409)
            self.assertIn("sudo dropgate source review", text)
            # What it says, does it.
            gate.run(*html.unescape(command).split()[2:], "--config", gate.config)
            self.assertIn("review_by: 2030-01-31", read(os.path.join(sources, "test.yaml")))


class Connections(unittest.TestCase):
    """Below HTTP: who dawdles, and TLS."""

    def test_who_sends_a_request_byte_by_byte_is_sent_away_and_written_down(self):
        with Gate() as gate:
            with socket.create_connection(("127.0.0.1", gate.ports["console"]), timeout=60) as slow:
                begun = time.monotonic()
                for byte in b"GET /login HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"x" * 100:
                    try:
                        slow.sendall(bytes([byte]))
                    except OSError:
                        break
                    if select.select([slow], [], [], 0.2)[0]:
                        break
                self.assertEqual(slow.recv(100), b"")
                self.assertTrue(8 < time.monotonic() - begun < 20, time.monotonic() - begun)
            entry = wait_until(lambda: gate.entries("--channel", "console", "--reason", "timeout"), what="the entry")[0]
            self.assertEqual(entry["source"]["ip"], "127.0.0.1")
            self.assertIn("took too long", entry["detail"]["message"])
            # Who is quick, and then asks nothing, is not.
            client = Client(gate)
            self.assertEqual(client.ask("/login")[0], 200)

    def raw(self, gate, request, *, ends=False, window=None):
        """All that comes for some bytes, until the connection ends. `window`: bytes that the caller's system keeps for it."""
        with socket.socket() as caller:
            caller.settimeout(30)
            if window:
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            caller.connect(("127.0.0.1", gate.ports["console"]))
            caller.sendall(request)
            if ends:
                caller.shutdown(socket.SHUT_WR)
            return self.rest(caller)

    @staticmethod
    def rest(caller):
        """All that comes until the connection ends in order."""
        answer = b""
        while piece := caller.recv(1 << 16):
            answer += piece
        return answer

    def test_who_asks_for_another_protocol_is_answered_and_sees_the_end(self):
        """The parser takes nothing behind such a request for HTTP: a caller that goes on there would wait for ever."""
        with Gate() as gate:
            for request in (b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
                            b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n"):
                begun = time.monotonic()
                answer = self.raw(gate, request)
                self.assertRegex(answer, b"(?i)^HTTP/1.1 [0-9]{3} (.|\\n)*connection: close", request)
                self.assertLess(time.monotonic() - begun, 5, "it waited for the time of a head")
            said = subprocess.run(["curl", "-sS", "--http2", f"http://127.0.0.1:{gate.ports['console']}/healthz",
                                   f"http://127.0.0.1:{gate.ports['console']}/healthz"], capture_output=True, text=True, timeout=30)
            self.assertEqual((said.returncode, said.stdout.count("ok")), (0, 2), said)
            self.assertEqual(gate.entries("--channel", "console", "--reason", "timeout"), [])

    def test_a_caller_that_closes_its_side_has_the_whole_answer(self):
        with Gate() as gate:
            asked = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            whole = self.raw(gate, asked + b"Connection: close\r\n\r\n").partition(b"\r\n\r\n")[2]
            self.assertGreater(len(whole), 50_000)
            for more in (b"", b"Connection: close\r\n"):
                head, _, body = self.raw(gate, asked + more + b"\r\n", ends=True, window=4096).partition(b"\r\n\r\n")
                self.assertIn(b" 200 ", head)
                self.assertEqual(body, whole)

    def test_http_1_0_has_no_chunks(self):
        with Gate() as gate:
            asked = (f"GET /api/v1/attempts/export?format=csv HTTP/1.0\r\nHost: 127.0.0.1\r\n"
                     f"Authorization: Bearer {token(gate, 'old', 'auditor')}\r\n\r\n")
            head, _, body = self.raw(gate, asked.encode()).partition(b"\r\n\r\n")
            self.assertIn(b" 200 ", head)
            self.assertNotIn(b"transfer-encoding", head.lower())
            self.assertTrue(body.startswith(b"seq,"), body[:100])

    def begun(self, gate, path, secret, version="1.0", context=None):
        """A caller that has read the beginning of an answer. Its system keeps little for it."""
        caller = socket.socket()
        caller.settimeout(30)
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        caller.connect(("127.0.0.1", gate.ports["console"]))
        if context:
            caller = context.wrap_socket(caller, suppress_ragged_eofs=False)
        self.addCleanup(caller.close)
        caller.sendall(f"GET /api/v1{path} HTTP/{version}\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {secret}\r\n\r\n".encode())
        self.assertIn(b" 200 ", caller.recv(1000))
        return caller

    def test_an_export_that_is_cut_short_does_not_look_whole(self):
        """To HTTP/1.0 the end of the connection is that of the answer: it is reset. HTTP/1.1 misses the last chunk."""
        with Gate() as gate:
            path, secret = "/attempts/export?format=ocsf", token(gate, "slow", "auditor")
            sender = http.client.HTTPSConnection("127.0.0.1", gate.ports["webhook"], timeout=20,
                                                 source_address=("127.0.0.2", 0), context=trusting())
            # More than the sockets between take.
            for number in range(4000):
                sender.request("POST", "/webhooks/vsee", V2 % f"e-{number}")
                self.assertEqual(sender.getresponse().read()[:1], b"{")
            sender.close()
            old, new = self.begun(gate, path, secret), self.begun(gate, path, secret, "1.1")
            gate.stop()
            self.assertRaises(ConnectionResetError, self.rest, old)
            self.assertFalse(self.rest(new).endswith(b"\r\n0\r\n\r\n"))
            make_certificates(gate.root)
            gate.environment.update({"DROPGATE_CONSOLE_TLS_CERTIFICATE": f"{gate.root}/server.pem",
                                     "DROPGATE_CONSOLE_TLS_KEY": f"{gate.root}/server.key"})
            gate.start()
            # Nor does TLS say that this is the end. Some versions of Python tell of a reset as of an end without close_notify.
            old = self.begun(gate, path, secret, context=trusting())
            gate.stop()
            self.assertRaises((ConnectionResetError, ssl.SSLEOFError), self.rest, old)

    def test_a_stream_to_http_1_0_looks_whole_where_the_gate_ends_it_and_not_where_a_crash_does(self):
        with Gate() as gate:
            secret = token(gate, "old", "viewer")
            caller = self.begun(gate, "/attempts/stream", secret)
            gate.stop()
            self.rest(caller)
            gate.start()
            caller = self.begun(gate, "/attempts/stream", secret)
            gate.kill()
            self.assertRaises(ConnectionResetError, self.rest, caller)

    def test_over_tls_cookies_are_for_tls_alone_and_callers_show_certificates(self):
        with Gate() as gate:
            gate.stop()
            make_certificates(gate.root)
            gate.environment.update({
                "DROPGATE_CONSOLE_TLS_CERTIFICATE": f"{gate.root}/server.pem", "DROPGATE_CONSOLE_TLS_KEY": f"{gate.root}/server.key",
                "DROPGATE_CONSOLE_TLS_CLIENT_AUTHORITIES": f"{gate.root}/ca.pem"})
            gate.start()
            base = f"https://localhost:{gate.ports['console']}"

            def curl(path, *options):
                return subprocess.run(["curl", "-sS", "-i", "--cacert", f"{gate.root}/ca.pem", "--resolve",
                                       f"localhost:{gate.ports['console']}:127.0.0.1", *options, base + path],
                                      capture_output=True, text=True, timeout=30)
            own = ("--cert", f"{gate.root}/client.pem", "--key", f"{gate.root}/client.key")
            self.assertIn("200 OK", curl("/healthz", *own).stdout)
            signed_in = curl("/login", *own, "--data-urlencode", f"token={own_token(gate)}").stdout
            self.assertRegex(signed_in, r"(?i)set-cookie: __Host-dropgate=[0-9a-f]{64}; Path=/; HttpOnly; SameSite=Strict; Secure")
            cookie = re.search("__Host-dropgate=[0-9a-f]+", signed_in)[0]
            self.assertIn("200 OK", curl("/attempts", *own, "-H", f"Cookie: {cookie}").stdout)
            # Who shows none is not let in, whatever they know.
            refused = curl("/attempts", "-H", f"Cookie: {cookie}")
            self.assertNotEqual(refused.returncode, 0)
            self.assertNotIn("200", refused.stdout)
            entry = wait_until(lambda: gate.entries("--channel", "console", "--reason", "tls_failed"), what="the entry")[0]
            self.assertIn("client certificate", entry["detail"]["hint"])
            # The ends of both listeners' certificates are figures, by which an alert finds them.
            figures = curl("/metrics", *own, "-H", f"Authorization: Bearer {own_token(gate)}").stdout
            ends = dict(re.findall(r'dropgate_certificate_expiry_timestamp_seconds{listener="(\w+)"} (\d+)', figures))
            self.assertEqual(ends.keys(), {"console", "webhook"})
            self.assertAlmostEqual(int(ends["console"]), time.time() + 30 * 86400, delta=600)

    def test_a_session_of_tls_ends_with_its_callers_certificate(self):
        """Verified once, it could be taken up again for ever: the certificate's end is looked at each time."""
        with Gate() as gate:
            gate.stop()
            authority = Authority(gate.root)
            certificate, key = authority.issue("console", extended="serverAuth")
            gate.environment.update({
                "DROPGATE_CONSOLE_TLS_CERTIFICATE": certificate, "DROPGATE_CONSOLE_TLS_KEY": key,
                "DROPGATE_CONSOLE_TLS_CLIENT_AUTHORITIES": authority.path("ca")})
            gate.start()
            pair, end = authority.issue("brief"), int(time.time()) + 4
            authority.ending("brief", end)

            def ask(context, session=None):
                """The answer, if there is one; the session, and whether it was taken up again."""
                answer, plain = b"", socket.create_connection(("127.0.0.1", gate.ports["console"]), timeout=20)
                with context.wrap_socket(plain, session=session) as caller:
                    reused = caller.session_reused
                    try:
                        caller.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                        answer = caller.recv(4096)
                    except OSError:
                        pass
                    return answer, caller.session, reused
            contexts = [trusting(version, *pair) for version in (TLS12, TLS13)]
            sessions = []
            for context in contexts:
                answer, session, _ = ask(context)
                self.assertIn(b" 200 ", answer)
                answer, session, reused = ask(context, session)
                self.assertEqual((answer[:12], reused), (b"HTTP/1.1 200", True))
                sessions.append(session)
            # X.509 counts whole seconds, and the last one is good.
            wait_until(lambda: time.time() >= end + 1, 10, "the certificate's end")
            for context, session in zip(contexts, sessions):
                answer, _, reused = ask(context, session)
                self.assertEqual((answer, reused), (b"", True))
            entry = wait_until(lambda: gate.entries("--channel", "console", "--reason", "tls_failed"), what="the entry")[0]
            self.assertIn("has expired", entry["detail"]["hint"])


def make_certificates(root):
    """An authority, a server's certificate for localhost and a client's, in a directory."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=root)
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-subj", "/CN=console authority", "-keyout", "ca.key", "-out", "ca.pem", "-days", "30")
    for name, more in (("server", "subjectAltName=DNS:localhost"), ("client", "extendedKeyUsage=clientAuth")):
        openssl("req", *key, "-subj", f"/CN={name}", "-addext", more, "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "30", "-copy_extensions", "copy",
                "-out", f"{name}.pem")
        os.chmod(os.path.join(root, f"{name}.key"), 0o600)


class Guessing(unittest.TestCase):
    def test_whoever_guesses_waits_before_the_token_is_looked_at(self):
        with Gate() as gate:
            secret = token(gate, "boss", "operator")
            answers = [Client(gate).sign_in("guess")[0] for _ in range(12)]
            self.assertEqual(answers, [401] * 10 + [429] * 2)
            status, headers, text = Client(gate).sign_in(secret)
            self.assertEqual(status, 429)
            self.assertLessEqual(1, int(headers["Retry-After"]))
            self.assertLessEqual(int(headers["Retry-After"]), 61)
            self.assertIn("too many attempts", text)
            entries = gate.entries("--channel", "console", "--verdict", "rejected")
            self.assertEqual({entry["reason"] for entry in entries}, {"auth_failed", "rate_limited"})
            self.assertNotIn("guess", json.dumps(entries))
            # Nobody is told to list them as a source.
            told = gate.run("doctor", "--config", gate.config, check=False).stdout
            self.assertIn("nobody was refused in the last 24 hours", told)


if __name__ == "__main__":
    unittest.main()
