"""adnanh/webhook (Debian's `webhook`): a script is run for each request, stores the body and renames it; the answer waits for
the script. Nothing is synced, which is in its favour.
"""
import json

from peers import Store, answers, free_port, where

SCRIPT = """#!/bin/sh
# $1: the event's id; $2: the body as it came
printf %s "$2" >"$FILES/.$1" && mv "$FILES/.$1" "$FILES/$1.json"
"""


class Webhook(Store):
    def __init__(self, place):
        super().__init__(place)
        self.files, self.port = self.folder("files"), free_port()
        hooks = [{"id": "vsee", "execute-command": str(self.write("store", SCRIPT, 0o700)),
                  "include-command-output-in-response": True,
                  "pass-arguments-to-command": [{"source": "payload", "name": "id"}, {"source": "raw-request-body"}]}]
        self.start([where("webhook"), "-hooks", self.write("hooks.json", json.dumps(hooks)), "-ip", "127.0.0.1",
                    "-port", self.port, "-urlprefix", "webhooks"], {"FILES": str(self.files)})
        self.ready(lambda: answers(self.port))
