"""gunicorn and Flask (Debian's): fsync and rename before the answer. Threads, because connections are kept alive and an
fsync lets other threads work.
"""
import os
import shutil
from pathlib import Path

from peers import Store, answers, free_port, give, where


class Gunicorn(Store):
    def __init__(self, place):
        super().__init__(place)
        self.files, self.port = self.folder("files"), free_port()
        # Where the server's user may read it.
        give(shutil.copy(Path(__file__).parent / "flask_app.py", self.directory / "flask_app.py"))
        self.start([where("gunicorn"), "--worker-class", "gthread", "--workers", os.cpu_count(), "--threads", 32,
                    "--bind", f"127.0.0.1:{self.port}", "--keep-alive", 60, "--log-level", "warning",
                    "--worker-tmp-dir", "/dev/shm", "flask_app:app"],
                   {"FILES": str(self.files), "PYTHONDONTWRITEBYTECODE": "1"})
        self.ready(lambda: answers(self.port))
