"""Deploy/container/build.sh up to podman, for which a stand-in looks at what it is given."""
import os
import shutil
import subprocess
import tempfile
import unittest

from gate import read

DEPLOY = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../Deploy"))
CONTROL = """Package: dropgate
Version: 1
Architecture: all
Maintainer: Test <test@example.org>
Description: for a test
"""
# The context is its last argument.
PODMAN = """#!/bin/sh
for context; do :; done
stat -c '%a %n' -- "$context"/* >"$MODES"
"""


class Image(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="image-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o600):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as file:
            file.write(text)
        os.chmod(file.name, mode)

    def test_its_user_may_read_what_somebody_with_a_strict_umask_builds(self):
        # As a checkout under such a umask is.
        shutil.copytree(DEPLOY, self.path("Deploy"))
        subprocess.run(["chmod", "-R", "go=", self.path("Deploy")], check=True)
        self.write("package/DEBIAN/control", CONTROL)
        os.chmod(self.path("package/DEBIAN"), 0o755)
        subprocess.run(["dpkg-deb", "-b", self.path("package"), self.path("one.deb")], check=True, capture_output=True)
        os.chmod(self.path("one.deb"), 0o600)
        self.write("bin/podman", PODMAN, 0o700)
        built = subprocess.run(
            [self.path("Deploy/container/build.sh"), self.path("one.deb")], capture_output=True, text=True, timeout=60,
            stdin=subprocess.DEVNULL, umask=0o077,
            env={"PATH": f"{self.path('bin')}:/usr/bin:/bin", "BASE": "base", "MODES": self.path("modes")})
        self.assertEqual((built.returncode, built.stdout), (0, "localhost/dropgate:1\n"), built.stderr)
        lines = (line.split(" ", 1) for line in read(self.path("modes")).splitlines())
        modes = {os.path.basename(path): mode for mode, path in lines}
        self.assertEqual(modes, {"Containerfile": "644", "dropgate.deb": "644", "healthy": "755", "start": "755"})


if __name__ == "__main__":
    unittest.main()
