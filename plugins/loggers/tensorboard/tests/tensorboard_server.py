"""The program `tensorboard` on a port of its own on loopback."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request


class Server:
    """`load_fast` picks its loader: "true" the one in Rust, "false" the one in Python."""

    def __init__(self, folder, load_fast):
        self.log = tempfile.TemporaryFile("w+")
        command = [sys.executable, "-m", "tensorboard.main", "--logdir", folder, "--host", "127.0.0.1", "--port", "0",
                   f"--load_fast={load_fast}", "--samples_per_plugin", "scalars=1000", "--reload_interval", "1"]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, start_new_session=True)
        self.base = self._base()

    def stop(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()
        self.log.close()

    def _base(self):
        for _ in range(600):
            self.log.seek(0)
            text = self.log.read()
            for word in text.split():
                if word.startswith("http://127.0.0.1:"):
                    return word.rstrip("/")
            if self.process.poll() is not None:
                raise RuntimeError(text)
            time.sleep(0.1)
        raise RuntimeError("the server does not start: " + text)

    def get(self, path, body=None, **query):
        url = f"{self.base}/{path}?{urllib.parse.urlencode(query)}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def wait_for(self, run, tag, n=1):
        """Until the server, which loads in the background, shows n points of a series; them, as (step, value)."""
        for _ in range(600):
            if tag in self.get("data/plugin/scalars/tags").get(run, {}):
                points = self.get("data/plugin/scalars/scalars", run=run, tag=tag)
                if len(points) >= n:
                    return [(step, value) for _, step, value in points]
            time.sleep(0.1)
        raise RuntimeError(f"the server does not show {run} {tag}")
