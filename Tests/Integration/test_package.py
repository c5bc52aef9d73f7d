"""The Debian package: what is in it, and (LONG_TESTS=1) its life on a Debian of its own, from installation to purge."""
# Needs: dpkg-dev chrpath lintian man-db zsh fish
import glob
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from gate import BIN, V2, children, read, wait_until  # noqa: E402

CHECKOUT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
LONG = os.environ.get("LONG_TESTS") == "1"
PROGRAMS = ["/usr/bin/dropgate", "/usr/libexec/dropgate/dropgate-session"]
# With characters that mean something to sed. And readelf as it is in another language, also where its translations are not installed.
MAINTAINER = "Research & Development/Doha"
READELF = """#!/bin/sh
if [ "$LC_ALL" = C ]; then exec /usr/bin/readelf "$@"; fi
/usr/bin/readelf "$@" | sed 's/Build ID/ID de construction/'
"""
CONFFILES = ["/etc/dropgate/dropgate.yaml", "/etc/dropgate/rules/vsee-qatar.yaml",
             "/etc/dropgate/sources/vsee-qatar.yaml"]
SERVICE = "/usr/lib/systemd/system/dropgate.service"


def toolchain():
    """Where a program of a debug build finds Swift's libraries; "" without a toolchain."""
    swift = shutil.which("swift")
    return os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(swift))), "lib/swift") if swift else ""


def run(*command, check=True, **options):
    options = {"capture_output": True, "text": True, "timeout": 600, "stdin": subprocess.DEVNULL, **options}
    result = subprocess.run(command, **options)
    if check and result.returncode != 0:
        raise AssertionError(f"{command}: {result.returncode}\n{result.stdout[-4000:]}{result.stderr[-4000:]}")
    return result


class PackageTest(unittest.TestCase):
    """Builds one package for the tests of a class."""
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="package-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        os.mkdir(os.path.join(cls.folder, "bin"))
        with open(os.path.join(cls.folder, "bin/readelf"), "w") as file:
            file.write(READELF)
        os.chmod(file.name, 0o755)
        cls.package = cls.build(cls.folder)
        cls.tree = os.path.join(cls.folder, "tree")
        run("dpkg-deb", "-R", cls.package, cls.tree)

    @classmethod
    def build(cls, folder):
        """A package in a folder; its path."""
        built = run(os.path.join(CHECKOUT, "Deploy/deb.sh"), "--for-test", folder,
                    env={**os.environ, "GATE_BIN": BIN, "DEBFULLNAME": MAINTAINER, "DEBEMAIL": "gate@example.org",
                         "LC_ALL": "C.UTF-8", "LANGUAGE": "fr",
                         "PATH": f"{cls.folder}/bin:{os.environ['PATH']}"})
        return built.stdout.splitlines()[-1]

    def within(self, path):
        return os.path.join(self.tree, path.lstrip("/"))


class Package(PackageTest):
    def test_it_holds_the_program_its_service_its_settings_and_nothing_that_others_may_write(self):
        listed = {}
        for line in run("dpkg-deb", "-c", self.package).stdout.splitlines():
            mode, owner, _, _, _, path = line.split(maxsplit=5)
            listed[path.lstrip(".")] = mode
            self.assertEqual(owner, "root/root", line)
            self.assertNotIn("w", mode[4:], line)
        for path in [*CONFFILES, SERVICE, "/usr/lib/sysusers.d/dropgate.conf",
                     "/usr/lib/tmpfiles.d/dropgate.conf", "/usr/share/man/man1/dropgate.1.gz",
                     "/usr/share/bash-completion/completions/dropgate", "/usr/share/zsh/vendor-completions/_dropgate",
                     "/usr/share/fish/vendor_completions.d/dropgate.fish", "/usr/share/doc/dropgate/copyright",
                     "/usr/share/doc/dropgate/changelog.gz"]:
            self.assertEqual(listed.get(path), "-rw-r--r--", path)
        for path in PROGRAMS:
            self.assertEqual(listed.get(path), "-rwxr-xr-x", path)
        self.assertEqual(read(self.within("DEBIAN/conffiles")).split(), CONFFILES)
        for path in CONFFILES:
            shipped = os.path.join(CHECKOUT, "Config", path.removeprefix("/etc/dropgate/"))
            self.assertEqual(read(self.within(path)), read(shipped))

    def test_its_service_is_the_one_of_the_checkout_with_the_package_s_path(self):
        ours = read(os.path.join(CHECKOUT, "Deploy/systemd/dropgate.service")).splitlines()
        theirs = read(self.within(SERVICE)).splitlines()
        changed = [line for old, line in zip(ours, theirs, strict=True) if old != line and not line.startswith("#")]
        self.assertEqual(changed, ["ExecStart=/usr/bin/dropgate serve --config /etc/dropgate/dropgate.yaml"])

    def test_each_program_is_stripped_and_its_symbols_lie_in_the_package_beside_it(self):
        symbols = self.package.replace("/dropgate_", "/dropgate-dbgsym_")
        listed, ids = run("dpkg-deb", "-c", symbols).stdout, run("dpkg-deb", "-f", symbols, "Build-Ids").stdout.split()
        self.assertEqual(len(ids), len(PROGRAMS))
        for path in PROGRAMS:
            with self.subTest(path):
                program = self.within(path)
                self.assertNotIn(".symtab", run("readelf", "-SW", program).stdout)
                notes = run("readelf", "-n", program).stdout
                build_id = next(line.split()[-1] for line in notes.splitlines() if "Build ID" in line)
                self.assertIn(build_id, ids)
                self.assertIn(f"/usr/lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug", listed)
                built = os.path.join(os.path.dirname(BIN), os.path.basename(path))
                self.assertEqual(run(program, "--version").stdout, run(built, "--version").stdout)

    def test_it_depends_on_what_the_program_links_and_runs(self):
        depends = run("dpkg-deb", "-f", self.package, "Depends").stdout
        for name in ["libc6", "libssl3", "libssh2-1", "libsqlite3-0", "openssh-server", "openssh-client",
                     "libnss-wrapper", "ca-certificates"]:
            self.assertIn(name, depends)

    def test_its_maintainer_is_named_as_he_is_called(self):
        self.assertEqual(run("dpkg-deb", "-f", self.package, "Maintainer").stdout, f"{MAINTAINER} <gate@example.org>\n")

    def test_the_manual_has_every_command_and_renders_without_a_warning(self):
        page = os.path.join(self.folder, "dropgate.1")
        with gzip.open(self.within("/usr/share/man/man1/dropgate.1.gz")) as packed, open(page, "wb") as file:
            file.write(packed.read())
        shown = run("man", "--warnings", "-l", page, env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "90"})
        self.assertEqual(shown.stderr, "")

        def commands(command, path):
            if not command.get("subcommands"):
                yield path
            for child in command.get("subcommands", []):
                if child["shouldDisplay"] and child["commandName"] != "help":
                    yield from commands(child, f"{path} {child['commandName']}")

        tree = json.loads(run(BIN, "--experimental-dump-help").stdout)["command"]
        found = list(commands(tree, "dropgate"))
        self.assertGreater(len(found), 20)
        for path in found:
            self.assertIn(f"   {path}\n", shown.stdout)

    def test_each_shell_takes_its_completions(self):
        for shell, path in [("bash", "/usr/share/bash-completion/completions/dropgate"),
                            ("zsh", "/usr/share/zsh/vendor-completions/_dropgate"),
                            ("fish", "/usr/share/fish/vendor_completions.d/dropgate.fish")]:
            with self.subTest(shell):
                if not shutil.which(shell):
                    self.skipTest(f"no {shell} here")
                self.assertEqual(run(shell, "-n", self.within(path)).stderr, "")

    def test_lintian_finds_no_error_and_no_warning(self):
        if not shutil.which("lintian"):
            self.skipTest("no lintian here")
        found = run("lintian", "--allow-root", self.package, check=False)
        # A program of a debug build finds Swift's libraries where they were built.
        lines = [line for line in found.stdout.splitlines() if "custom-library-search-path" not in line]
        self.assertEqual(lines, [], found.stderr)


@unittest.skipUnless(LONG and os.geteuid() == 0, "LONG_TESTS=1, as root")
class Life(PackageTest):
    """On a Debian in a directory. Each command there has mounts of its own, which end with it."""
    MOUNT = ('swift=$1; shift; mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && '
             'if [ -n "$swift" ]; then mkdir -p "$0$swift" && mount --bind "$swift" "$0$swift"; fi && '
             'exec chroot "$0" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 '
             'DEBIAN_FRONTEND=noninteractive "$@"')

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = os.path.join(cls.folder, "debian")
        facts = dict(line.split("=", 1) for line in read("/etc/os-release").splitlines() if "=" in line)
        release = facts["VERSION_CODENAME"]
        run("debootstrap", "--variant=minbase", "--include=ca-certificates", release, cls.root)
        security = f"deb http://deb.debian.org/debian-security {release}-security main\n"
        with open(os.path.join(cls.root, "etc/apt/sources.list"), "a") as file:
            file.write(security)
        cls.script("usr/sbin/policy-rc.d", "exit 101")
        cls.inside("apt-get", "-q", "update")

    @classmethod
    def command(cls, *command):
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", cls.MOUNT, cls.root, toolchain(),
                *command]

    @classmethod
    def inside(cls, *command, **options):
        return run(*cls.command(*command), **options)

    @classmethod
    def script(cls, path, text):
        path = os.path.join(cls.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(f"#!/bin/sh\n{text}\n")
        os.chmod(path, 0o755)

    def apt(self, *arguments):
        return self.inside("apt-get", "-q", "-y", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0",
                           "-o", "Dpkg::Options::=--force-confold", *arguments)

    def install(self, package):
        shutil.copy(package, os.path.join(self.root, "root"))
        return self.apt("install", f"/root/{os.path.basename(package)}")

    def there(self, path):
        return os.path.join(self.root, path.lstrip("/"))

    def gate(self, *command, **options):
        return self.inside("runuser", "-u", "dropgate", "--", "dropgate", *command, **options)

    def version(self, version, change):
        """The package as another version, with a change of its tree."""
        tree = os.path.join(self.folder, version)
        shutil.copytree(self.tree, tree, symlinks=True)
        control = read(os.path.join(tree, "DEBIAN/control"))
        with open(os.path.join(tree, "DEBIAN/control"), "w") as file:
            file.write("".join(f"{f'Version: {version}' if line.startswith('Version:') else line}\n"
                               for line in control.splitlines()))
        change(tree)
        package = os.path.join(self.folder, f"dropgate_{version}_all.deb")
        run("dpkg-deb", "--root-owner-group", "-Zxz", "-z0", "-b", tree, package)
        return package

    def newer(self):
        """A later version, whose settings file says one thing more."""
        def change(tree):
            with open(os.path.join(tree, "etc/dropgate/dropgate.yaml"), "a") as file:
                file.write("\n# Of version 99.\n")
        return self.version("99.0", change)

    def older(self):
        """An earlier version, with its service below /lib, as it was once: the same place by another name."""
        def change(tree):
            os.makedirs(os.path.join(tree, "lib"))
            shutil.move(os.path.join(tree, "usr/lib/systemd"), os.path.join(tree, "lib/systemd"))
            sums = os.path.join(tree, "DEBIAN/md5sums")
            text = read(sums).replace(SERVICE[1:], SERVICE.removeprefix("/usr/"))
            with open(sums, "w") as file:
                file.write(text)
        return self.version("0.0", change)

    def test_the_same_program_and_commit_give_the_same_bytes(self):
        again = os.path.join(self.folder, "again")
        built = self.build(again)
        for path in glob.glob(os.path.join(again, "*.deb")):
            run("cmp", path, os.path.join(self.folder, os.path.basename(path)))
        self.assertEqual(os.path.basename(built), os.path.basename(self.package))

    def test_from_installation_to_purge(self):
        print()
        self.step("install")
        told = self.install(self.package)
        self.assertIn("GIVE TO VSEE", told.stdout)
        self.check_installed()

        self.step("change a setting, list an address, add an account")
        settings = read(self.there(CONFFILES[0])).replace("#node: gate-1", "node: changed-by-hand")
        with open(self.there(CONFFILES[0]), "w") as file:
            file.write(settings)
        add = ("source", "add", "127.0.0.2", "--service", "test", "--channel", "webhook", "--channel", "sftp")
        # The gate's own user cannot change who is let in.
        with self.assertRaisesRegex(AssertionError, "Permission denied; run this as the owner of /etc/dropgate/sources"):
            self.gate(*add)
        self.inside("dropgate", *add)
        key = os.path.join(self.folder, "key")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
        shutil.copy(key + ".pub", self.there("/tmp/key.pub"))
        self.inside("dropgate", "account", "add", "vsee", "--key", "/tmp/key.pub")
        changed = {path: read(self.there(path)) for path in
                   [*CONFFILES, "/etc/dropgate/accounts/vsee.yaml", "/var/lib/dropgate/keys/ledger.key.pub"]}

        self.step("start it by hand, deliver")
        self.deliver(key)
        delivered = self.ready()
        self.assertEqual([os.path.basename(path) for path in delivered if "/sftp/" in path], ["visit.csv"])
        self.assertEqual(len(delivered), 2)

        self.step("upgrade")
        self.pretend_systemd(active=True)
        self.install(self.newer())
        self.assertEqual(self.inside("dpkg-query", "-W", "-f", "${Version} ${Status}", "dropgate").stdout,
                         "99.0 install ok installed")
        self.assertIn("# Of version 99", read(self.there(CONFFILES[0] + ".dpkg-dist")))
        self.assertIn("deb-systemd-invoke restart dropgate.service", self.calls())
        self.check_kept(changed, delivered)

        self.step("upgrade with settings that this version would refuse: the gate that runs goes on")
        with open(self.there(CONFFILES[0]), "a") as file:
            file.write("\nno_such_key: 1\n")
        told = self.apt("install", "--reinstall", "/root/dropgate_99.0_all.deb")
        self.assertIn("still the former version", told.stderr + told.stdout)
        self.assertNotIn("restart", self.calls())
        with open(self.there(CONFFILES[0]), "w") as file:
            file.write(settings)

        self.step("remove")
        self.apt("remove", "dropgate")
        self.assertIn("deb-systemd-invoke stop dropgate.service", self.calls())
        for path in PROGRAMS:
            self.assertFalse(os.path.exists(self.there(path)))
        self.check_kept(changed, delivered)

        self.step("purge: a ledger and staged files stay, and nothing else")
        told = self.apt("purge", "dropgate")
        self.assertIn("/var/lib/dropgate stays", told.stderr + told.stdout)
        self.assertEqual(self.ready(), delivered)
        left = set(os.listdir(self.there("/var/lib/dropgate")))
        self.assertLessEqual({"ledger.sqlite", "staging", "keys"}, left)
        self.assertEqual(left & {"run", "sshd", "tls", "console.token"}, set())
        self.assertEqual(sorted(os.listdir(self.there("/var/lib/dropgate/keys"))), ["ledger.key", "ledger.key.pub"])
        self.check_purged(but="/var/lib/dropgate")

        self.step("install again: what stayed is the gate's again; then purge a gate that never ran")
        self.pretend_systemd(active=False)
        self.install(self.package)
        self.assertEqual(self.calls(), "")
        self.assertTrue(self.gate("ledger", "verify", "--config", CONFFILES[0]).stdout)
        self.apt("purge", "dropgate")
        shutil.rmtree(self.there("/var/lib/dropgate"))
        self.install(self.older())
        self.assertIn("/lib/systemd/system/dropgate.service", self.service_paths())
        self.assertNotIn(SERVICE, self.service_paths())
        self.install(self.package)
        self.assertEqual(self.service_paths(), [SERVICE])
        self.assertEqual(read(self.there(SERVICE)), read(self.within(SERVICE)))
        self.assertEqual(self.inside("dpkg", "--verify", "dropgate").stdout, "")
        told = self.apt("purge", "dropgate")
        self.assertNotIn("stays", told.stderr + told.stdout)
        self.check_purged()

    # What a step looks at

    def step(self, text):
        print(f"  {text}", flush=True)

    def check_installed(self):
        owners = self.inside("stat", "-c", "%a %U:%G %n", "/etc/dropgate", CONFFILES[0], "/var/lib/dropgate",
                             "/var/lib/dropgate/keys/ssh_host_ed25519_key", "/var/lib/dropgate/console.token").stdout
        self.assertEqual(owners.splitlines(), [
            "750 root:dropgate /etc/dropgate", f"640 root:dropgate {CONFFILES[0]}",
            "700 dropgate:dropgate /var/lib/dropgate",
            "600 dropgate:dropgate /var/lib/dropgate/keys/ssh_host_ed25519_key",
            "600 dropgate:dropgate /var/lib/dropgate/console.token"])
        self.assertEqual(glob.glob(self.there("/etc/systemd/system/*.wants/dropgate.service")), [])
        self.gate("serve", "--check", "--config", CONFFILES[0])

    def check_kept(self, files, delivered):
        for path, text in files.items():
            self.assertEqual(read(self.there(path)), text, path)
        self.assertEqual(self.ready(), delivered)
        self.assertTrue(os.path.getsize(self.there("/var/lib/dropgate/ledger.sqlite")))

    def check_purged(self, but=None):
        """Logs of apt and dpkg, and its copies of the package, are theirs."""
        found = self.inside("find", "/", "-xdev", "(", "-path", "/var/log", "-o", "-path", "/var/cache", "-o",
                            "-path", "/root", *(["-o", "-path", but] if but else []), ")", "-prune", "-o", "-name",
                            "*dropgate*", "-print").stdout.split()
        self.assertEqual(found, [])
        # The user stays: files of the gate may lie elsewhere.
        self.assertEqual(self.inside("getent", "passwd", "dropgate").stdout.count("nologin"), 1)

    def ready(self):
        base = self.there("/var/lib/dropgate/staging/ready")
        return sorted(os.path.join(folder, name) for folder, _, names in os.walk(base) for name in names)

    def deliver(self, key):
        log = os.path.join(self.folder, "serve.log")
        environment = [f"DROPGATE_{name}_LISTEN=127.0.0.1:0" for name in ("WEBHOOK", "SFTP", "CONSOLE")]
        with open(log, "wb") as file:
            gate = subprocess.Popen(
                self.command("setpriv", "--reuid=dropgate", "--regid=dropgate", "--clear-groups",
                             "env", *environment, "DROPGATE_STAGING_RESERVE=16MiB",
                             "dropgate", "serve", "--config", CONFFILES[0]),
                stdout=file, stderr=file)
        try:
            wait_until(lambda: "\nready\n" in read(log) or gate.poll() is not None, 60, "ready")
            self.assertIsNone(gate.poll(), read(log))
            ports = json.loads(read(self.there("/var/lib/dropgate/run/ports.json")))
            run("curl", "-sS", "--fail", "-k", "--max-time", "20", "--interface", "127.0.0.2",
                "--data-binary", V2 % "p1", f"https://127.0.0.1:{ports['webhook']}/webhooks/vsee")
            upload = os.path.join(self.folder, "visit.csv")
            with open(upload, "w") as file:
                file.write("a,b\n1,2\n")
            run("sftp", "-b", "-", "-F", "none", "-o", "BindAddress=127.0.0.2", "-o", "StrictHostKeyChecking=no",
                "-o", "UserKnownHostsFile=/dev/null", "-i", key, "-o", "IdentitiesOnly=yes", "-P", str(ports["sftp"]),
                "vsee@127.0.0.1", input=f"put {upload}\n", stdin=None)
            wait_until(lambda: len(self.ready()) == 2, 30, "both in ready/")
            os.kill(children(gate.pid)[0], signal.SIGTERM)
            self.assertEqual(gate.wait(60), 0, read(log)[-2000:])
        finally:
            if gate.poll() is None:
                gate.kill()
                gate.wait()

    def pretend_systemd(self, active):
        """No systemd runs here; what the package's scripts ask of one is written down. In place of the true
        ones: apt gives scripts a PATH of its own."""
        os.makedirs(self.there("/run/systemd/system"), exist_ok=True)
        self.script("usr/bin/systemctl", f"case $* in *is-active*) exit {0 if active else 3} ;; esac")
        self.script("usr/bin/deb-systemd-invoke", 'echo "deb-systemd-invoke $*" >> /tmp/calls')

    def service_paths(self):
        """By which the installed package has its service."""
        return [path for path in self.inside("dpkg", "-L", "dropgate").stdout.splitlines() if path.endswith(".service")]

    def calls(self):
        """Since the last time."""
        path = self.there("/tmp/calls")
        text = read(path) if os.path.exists(path) else ""
        if text:
            os.remove(path)
        return text


if __name__ == "__main__":
    unittest.main()
