"""What a careful Flask application does with a webhook: the body is on disk under its final name before the answer.
Run by gunicorn (flask.py); FILES names the directory.
"""
import os
import secrets

from flask import Flask, request

FILES = os.environ["FILES"]
directory = os.open(FILES, os.O_RDONLY | os.O_DIRECTORY)
app = Flask(__name__)


@app.post("/webhooks/vsee")
def store():
    name = secrets.token_hex(16)
    with open(f"{FILES}/.{name}", "xb") as file:
        file.write(request.get_data())
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{FILES}/.{name}", f"{FILES}/{name}.json")
    os.fsync(directory)
    return ""
