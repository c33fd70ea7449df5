"""The mlflow plugin before a server that asks for a password, and behind a proxy. The server is MLflow's own, with its basic
authentication. Arguments: see tests/readers/quickstart.py."""
import base64
import http.client
import os
import subprocess
import sys
import tempfile
import unittest
import urllib.parse
from unittest import mock

os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}

from mlflow import MlflowClient  # noqa: E402

sys.path.append(os.path.join(os.path.dirname(__file__), *[os.pardir] * 4, "tests", "readers"))
import loopback  # noqa: E402
import quickstart  # noqa: E402
from mlflow_server import Server  # noqa: E402

USER, PASSWORD, WRONG = "admin", "correct-horse-42", "incorrect-horse-43"
BAD_MANIFEST, SOME_LOGGER_FAILED = 65, 69
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")


def access(password, **more):
    """The environment of one run."""
    kept = {name: value for name, value in os.environ.items() if name.lower() not in PROXIES}
    return mock.patch.dict(os.environ, dict(kept, MLFLOW_TRACKING_USERNAME=USER, MLFLOW_TRACKING_PASSWORD=password, **more), clear=True)


class Proxy(loopback.Server):
    """Sends whatever it is asked for to one server, whose name nobody else has to know."""

    def __init__(self, port):
        self.asked, self.port = [], port
        super().__init__(ProxyHandler)


class ProxyHandler(loopback.Handler):
    def forward(self):
        url = urllib.parse.urlsplit(self.path)
        self.server.asked.append(f"{url.scheme}://{url.netloc}")
        there = http.client.HTTPConnection("127.0.0.1", self.server.port)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "proxy-connection")}
        there.request(self.command, urllib.parse.urlunsplit(("", "", url.path, url.query, "")), self.body(), headers)
        reply = there.getresponse()
        body = reply.read()
        there.close()
        self.send_response(reply.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_CONNECT(self):
        self.server.asked.append("CONNECT " + self.path)
        self.answer({}, status=502)

    do_GET = do_POST = do_PUT = forward


class AccessTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.server = Server(folder, options=("--app-name", "basic-auth"), MLFLOW_AUTH_ADMIN_PASSWORD=PASSWORD,
                            MLFLOW_FLASK_SERVER_SECRET_KEY="of this test")
        cls.addClassCleanup(cls.server.stop)
        cls.enterClassContext(access(PASSWORD))
        cls.client = MlflowClient(cls.server.uri)

    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())

    def start(self, uri=None, *more):
        return quickstart.start(self.folder, "mlflow", f'logger.0.tracking_uri="{uri or self.server.uri}"',
                                f'logger.0.run_name="{self.id()}"', *more)

    def found(self):
        """Runs of this test on the server."""
        experiment = self.client.get_experiment_by_name("dvhost")
        return self.client.search_runs([experiment.experiment_id], f"attributes.run_name = '{self.id()}'") if experiment else []

    def assert_all_there(self, version):
        run, = self.found()
        rows = quickstart.rows_of(version)
        self.assertGreater(len(rows), 10)
        for name in {name for _, name, _ in rows}:
            there = [(m.step, m.value) for m in self.client.get_metric_history(run.info.run_id, name)]
            self.assertEqual(sorted(there), sorted((step, value) for step, n, value in rows if n == name), name)
        self.assertEqual((run.info.status, run.data.params["run/seed"]), ("FINISHED", "7"))

    def assert_kept_secret(self, done, version, password):
        for word in (password, base64.b64encode(f"{USER}:{password}".encode()).decode()):
            self.assertEqual(quickstart.files_with(version, word), [])
            self.assertNotIn(word, done.stdout + done.stderr)

    def test_the_right_password(self):
        done, version = self.start()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_all_there(version)
        self.assert_kept_secret(done, version, PASSWORD)

    def test_a_wrong_password_stops_nothing_and_what_was_logged_can_be_sent_later(self):
        with access(WRONG):
            done, version = self.start()
        self.assertEqual(done.returncode, SOME_LOGGER_FAILED, done.stderr)
        self.assertIn("HTTP 401", done.stderr)
        self.assertIn("are MLFLOW_TRACKING_USERNAME and _PASSWORD, or MLFLOW_TRACKING_TOKEN, right?", done.stderr)
        self.assertIn("dvhost logs sync", done.stderr)
        self.assertGreater(len(quickstart.rows_of(version)), 10)
        self.assertEqual(self.found(), [])
        self.assert_kept_secret(done, version, WRONG)
        sync = subprocess.run([sys.argv[2], "logs", "sync", version], capture_output=True, text=True)
        self.assertEqual(sync.returncode, 0, sync.stderr)
        self.assert_all_there(version)
        self.assert_kept_secret(sync, version, PASSWORD)

    def test_an_address_with_a_password_is_refused(self):
        done, version = self.start(self.server.uri.replace("//", f"//{USER}:{WRONG}@"))
        self.assertEqual(done.returncode, BAD_MANIFEST)
        self.assertIn("'tracking_uri' is an address with a password in it", done.stderr)
        self.assertNotIn(WRONG, done.stdout + done.stderr)
        self.assertEqual(quickstart.files_with(self.folder, WRONG), [])

    def test_a_password_in_the_variable_goes_nowhere_else(self):
        with mock.patch.dict(os.environ, MLFLOW_TRACKING_URI=self.server.uri.replace("//", f"//{USER}:{PASSWORD}@")):
            for name in ("USERNAME", "PASSWORD"):
                del os.environ["MLFLOW_TRACKING_" + name]
            done, version = quickstart.start(self.folder, "mlflow", f'logger.0.run_name="{self.id()}"')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_all_there(version)
        self.assert_kept_secret(done, version, PASSWORD)

    def test_a_proxy_is_asked(self):
        proxy = Proxy(self.server.port)
        self.addCleanup(proxy.stop)
        with access(PASSWORD, HTTP_PROXY=proxy.base):  # http_proxy, in small letters, libcurl sees to
            done, version = self.start("http://mlflow.invalid:5000")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(set(proxy.asked), {"http://mlflow.invalid:5000"})
        self.assert_all_there(version)

    def test_a_proxy_is_asked_for_https(self):
        proxy = Proxy(self.server.port)
        self.addCleanup(proxy.stop)
        with access(PASSWORD, HTTPS_PROXY=proxy.base):
            done, version = self.start("https://mlflow.invalid:5000", "logger.0.finish_timeout=1")
        self.assertEqual(done.returncode, SOME_LOGGER_FAILED, done.stderr)
        self.assertEqual(set(proxy.asked), {"CONNECT mlflow.invalid:5000"})

    def test_no_proxy_is_asked_for_what_needs_none(self):
        proxy = Proxy(self.server.port)
        self.addCleanup(proxy.stop)
        with access(PASSWORD, HTTP_PROXY=proxy.base, NO_PROXY="example.org,127.0.0.1"):
            done, version = self.start()
        self.assertEqual((done.returncode, proxy.asked), (0, []), done.stderr)
        self.assert_all_there(version)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
