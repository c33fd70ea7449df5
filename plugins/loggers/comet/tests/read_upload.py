"""`comet upload` sends the comet plugin's archives, whole, to a server on loopback that keeps what comes. Arguments: see
tests/readers/quickstart.py."""
import email.parser
import email.policy
import json
import math
import os
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

sys.path.append(os.path.join(os.path.dirname(__file__), *[os.pardir] * 4, "tests", "readers"))
import loopback  # noqa: E402
import quickstart  # noqa: E402

KEY = "k" * 25
N_NAMES = 10000


class Experiment:
    """What the server has got of one experiment."""

    def __init__(self):
        self.started, self.times, self.error, self.system, self.tags = None, None, None, None, []
        self.metrics, self.parameters, self.others, self.files = {}, {}, {}, {}

    def points(self, name):
        return [(step, float(value)) for step, value, _, _ in self.metrics.get(name, [])]


class Handler(loopback.Handler):
    def do_GET(self):
        self.answer({"version": "9.9.9"})

    def do_POST(self):
        url = urllib.parse.urlparse(self.path)
        self.server.keys.add(self.headers.get("Authorization"))
        if url.path.endswith("/upload"):
            self.take_file(url.path.split("/")[-2], {name: values[0] for name, values in urllib.parse.parse_qs(url.query).items()})
            return self.answer({})
        body = json.loads(self.body())
        take = self.ROUTES.get(url.path.removeprefix("/clientlib/"))
        if take is None:
            self.server.unknown.append(self.path)
            return self.answer({}, status=404)
        self.answer(take(self, self.server.experiments.setdefault(body["experimentKey"], Experiment()), body) or {})

    def take_file(self, kind, query):
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        part, = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + self.body()).iter_parts()
        files = self.server.experiments[query["experimentId"]].files
        files[kind, query["fileName"]] = (query.get("step"), part.get_payload(decode=True))

    def start(self, experiment, body):
        experiment.started = body
        return {"runId": "run", "project_id": "project", "focusUrl": f"{self.server.base}/", "projectName": body["projectName"],
                "workspaceName": body["teamName"], "featureToggles": [{"name": "sdk_use_http_messages", "enabled": True}]}

    def beat(self, *_):
        return {"is_alive_beat_duration_millis": 10000, "gpu_monitor_interval_millis": 60000, "pending_rpcs": False}

    def take_tags(self, experiment, body):
        experiment.tags += body["addedTags"]

    def take_system(self, experiment, body):
        experiment.system = body

    def take_other(self, experiment, body):
        experiment.others[body["key"]] = body["value"]

    def take_error(self, experiment, body):
        experiment.error = body["error"]

    def take_metrics(self, experiment, body):
        for m in body["values"]:
            experiment.metrics.setdefault(m["metricName"], []).append((m["step"], m["metricValue"], m["epoch"], m["timestamp"]))

    def take_parameters(self, experiment, body):
        experiment.parameters |= {p["parameterName"]: p["parameterValue"] for p in body["values"]}

    def end(self, experiment, body):
        experiment.times = (body["startTimestamp"], body["endTimestamp"])

    ROUTES = {"logger/add/run": start, "status-report/update": beat, "tags/add-tags-to-experiment": take_tags,
              "rest/v2/write/experiment/system-details": take_system, "/api/rest/v2/write/experiment/log-other": take_other,
              "/api/rest/v2/write/experiment/update-status": take_error, "batch/logger/experiment/metric": take_metrics,
              "batch/logger/experiment/parameter": take_parameters, "status-report/offline-metadata": end}


class Server(loopback.Server):
    def __init__(self):
        self.experiments, self.keys, self.unknown = {}, set(), []
        super().__init__(Handler)


def environment(server, home):
    path = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
    return dict(os.environ, PATH=path, COMET_URL_OVERRIDE=server.base + "/clientlib/", COMET_API_KEY=KEY, HOME=home, DO_NOT_TRACK="1",
                COMET_INTERNAL_SENTRY_DSN="", COMET_DISABLE_AUTO_LOGGING="1")


def upload(server, *archives):
    """What the program says."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(["comet", "upload", *archives], capture_output=True, text=True, env=environment(server, home), timeout=300)
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout + done.stderr


def archive(name):
    return os.path.join(FOLDER, name * 32 + ".zip")


class UploadTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)
        cls.said = upload(cls.server, *map(archive, "abcd"))
        cls.good, cls.bad, cls.odd, cls.many = (cls.server.experiments[name * 32] for name in "abcd")

    def test_nothing_was_left_out_or_asked_for_besides(self):
        self.assertIn("Number of uploaded experiments: 4", self.said)
        self.assertNotIn("ERROR", self.said)
        self.assertNotIn("WARNING", self.said)
        self.assertEqual((self.server.unknown, self.server.keys), ([], {KEY}))

    def test_who_and_how_it_ended(self):
        started = self.good.started
        self.assertEqual((started["projectName"], started["teamName"], started["offline"]), ("p", "w", True))
        self.assertEqual((self.good.tags, self.good.others), (["x"], {"Created from": "dvhost", "Name": "café"}))
        self.assertEqual((self.good.error, self.bad.error), (None, "the run failed"))
        self.assertEqual(self.good.times[0], 1700000000000)
        self.assertEqual(self.good.system["pythonVersion"], "dvhost (C++)")

    def test_metrics_and_parameters(self):
        self.assertEqual(self.good.metrics, {"train/loss": [(step * 10, 1 / (1 + step), step // 10, 1700000000000 + 1000 * step)
                                                            for step in range(50)]})
        self.assertEqual(self.good.parameters, {"lr": 0.1, "on": True, "model/type": "rcnn", "model/limit": "Infinity"})

    def test_files(self):
        self.assertEqual(set(self.good.files), {("asset", "note"), ("visualizations", "pixel.png"), ("asset", "histograms/weights.json"),
                                                ("asset", "checkpoint/last.ckpt")})
        self.assertEqual(self.good.files["asset", "note"], ("490", b"hello"))
        self.assertEqual(self.good.files["visualizations", "pixel.png"], ("490", b"png"))
        self.assertEqual(self.good.files["asset", "checkpoint/last.ckpt"], (None, b"weights"))

    def test_odd_names_and_values(self):
        for name, value in (("a b", 1), ("sl/a/sh", 2), ("café \U0001F680", 3), ('quo"te', 4)):
            self.assertEqual(self.odd.points(name), [(0, value)])
        self.assertTrue(math.isnan(self.odd.points("nan")[0][1]))
        self.assertEqual([self.odd.points(name)[0][1] for name in ("inf", "down", "large")], [math.inf, -math.inf, 1e308])
        self.assertEqual(self.odd.points("unordered"), [(3, 3), (5, 5), (9, 9)])

    def test_ten_thousand_names(self):
        self.assertEqual(len(self.many.metrics), N_NAMES)
        for i in range(N_NAMES):
            self.assertEqual(self.many.points(f"metric/{i}"), [(step, i + step / 128) for step in range(10)])


class QuickstartTest(unittest.TestCase):
    def test_a_run_is_uploaded_at_its_end(self):
        server = Server()
        self.addCleanup(server.stop)
        with tempfile.TemporaryDirectory() as folder:
            os.environ.update(environment(server, folder))
            version, rows = quickstart.run(folder, "comet", "logger.0.upload=true")
            self.assertEqual(quickstart.files_with(version, KEY), [])
        experiment, = server.experiments.values()
        for name in {name for _, name, _ in rows}:
            self.assertEqual(experiment.points(name), [(step, value) for step, n, value in rows if n == name], name)
        self.assertEqual(experiment.parameters["run/seed"], 7)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as FOLDER:
        subprocess.run([sys.argv[1], "--gtest_filter=*ForReaders"], check=True, stdout=subprocess.DEVNULL,
                       env=dict(os.environ, DV_READER_DIR=FOLDER))
        unittest.main(argv=sys.argv[:1])
