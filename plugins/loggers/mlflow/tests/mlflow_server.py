"""The program `mlflow server` on a port of its own on loopback."""
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

PROGRAM = os.path.join(os.path.dirname(sys.executable), "mlflow")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`mlflow server` with a database in `folder`. `options` and `environment` are added to its own."""

    def __init__(self, folder, port=None, options=(), **environment):
        self.port = port or free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.database = os.path.join(folder, "mlflow.db")
        self.log = open(os.path.join(folder, "server.log"), "a+", encoding="utf-8")
        self.process = subprocess.Popen(
            [PROGRAM, "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1", "--backend-store-uri",
             f"sqlite:///{self.database}", "--artifacts-destination", os.path.join(folder, "artifacts"), "--serve-artifacts", *options],
            env=dict(os.environ, **environment), cwd=folder, stdout=self.log, stderr=self.log, start_new_session=True)
        self.wait()

    def wait(self):
        for _ in range(3000):
            try:
                with urllib.request.urlopen(self.uri + "/health", timeout=5):
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        self.log.seek(0)
        raise RuntimeError("mlflow server does not start: " + self.log.read())

    def stop(self, how=signal.SIGKILL):
        if self.process.poll() is not None:
            return
        os.killpg(self.process.pid, how)
        self.process.wait()
        self.log.close()
