"""`wandb sync` uploads the wandb plugin's folders, whole, to a server on loopback that keeps what comes. Arguments: see
tests/readers/quickstart.py."""
import base64
import glob
import json
import math
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.append(os.path.join(os.path.dirname(__file__), *[os.pardir] * 4, "tests", "readers"))
import loopback  # noqa: E402
import quickstart  # noqa: E402

KEY = "0" * 40
N_NAMES, N_STEPS = 10000, 100


class Run:
    """What the server has got of one run."""

    def __init__(self):
        self.facts, self.files, self.complete, self.exit_code, self.summary, self.lines = {}, {}, False, None, {}, {}

    @property
    def rows(self):
        return [json.loads(self.lines[i]) for i in sorted(self.lines)]


class Handler(loopback.Handler):
    def do_GET(self):
        self.answer({})

    def do_PUT(self):
        run, name = self.path.removeprefix("/upload/").split("/", 1)
        self.server.run(run).files[name] = self.body()
        self.answer({})

    def do_POST(self):
        body = json.loads(self.body())
        self.server.authorizations.add(self.headers.get("Authorization"))
        if self.path.endswith("/graphql"):
            self.answer({"data": self.graphql(body)})
        elif self.path.endswith("/file_stream"):
            self.file_stream(self.server.run(self.path.split("/")[-2]), body)
            self.answer({})
        else:
            self.server.unknown.append(self.path)
            self.answer({})

    def graphql(self, body):
        name, variables = body.get("operationName"), body.get("variables", {})
        if name == "ServerFeaturesQuery":
            return {"serverInfo": {"features": []}}
        if name == "UpsertBucket":
            self.server.run(variables["name"]).facts.update({k: v for k, v in variables.items() if v is not None})
            return {"upsertBucket": {"bucket": {
                "id": "bucket-" + variables["name"], "name": variables["name"], "displayName": variables["name"],
                "project": {"name": "proj", "entity": {"name": "me"}}, "historyLineCount": 0}, "inserted": True}}
        if name == "CreateRunFiles":
            files = [{"name": file, "uploadUrl": f"{self.server.base}/upload/{variables['run']}/{file}"} for file in variables["files"]]
            return {"createRunFiles": {"runID": "x", "uploadHeaders": [], "files": files}}
        self.server.operations.add(name)
        return {}

    @staticmethod
    def file_stream(run, body):
        for name, part in body.get("files", {}).items():
            if name == "wandb-history.jsonl":
                run.lines |= {part["offset"] + i: line for i, line in enumerate(part["content"])}
            elif name == "wandb-summary.json":
                run.summary = json.loads(part["content"][-1])
        run.complete = run.complete or bool(body.get("complete"))
        run.exit_code = body.get("exitcode", run.exit_code)


class Server(loopback.Server):
    def __init__(self):
        self.runs, self.operations, self.authorizations, self.unknown = {}, set(), set(), []
        super().__init__(Handler)

    def run(self, name):
        return self.runs.setdefault(name, Run())


def environment(server, home):
    return dict(os.environ, WANDB_BASE_URL=server.base, WANDB_API_KEY=KEY, WANDB_ERROR_REPORTING="false", WANDB_SILENT="true",
                DO_NOT_TRACK="1", HOME=home, PATH=os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"],
                WANDB_CONFIG_DIR=home, WANDB_CACHE_DIR=home)


def sync(server, folder):
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run([os.path.join(os.path.dirname(sys.executable), "wandb"), "sync", folder], capture_output=True,
                              text=True, env=environment(server, home), timeout=300)
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)


def folder_of(above, run="*"):
    folder, = glob.glob(os.path.join(above, "wandb", f"offline-run-*-{run}"))
    return folder


class SyncTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        for run in ("good", "bad", "odd", "many"):
            sync(cls.server, folder_of(FOLDER, run))

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def test_who_and_how_it_ended(self):
        good, bad = self.server.runs["good"], self.server.runs["bad"]
        self.assertEqual((good.complete, good.exit_code, bad.complete, bad.exit_code), (True, 0, True, 1))
        self.assertEqual((good.facts["name"], good.facts["project"], good.facts["displayName"], good.facts["groupName"]),
                         ("good", "proj", "a café", "g"))
        self.assertEqual((good.facts["tags"], good.facts["notes"]), (["x", "y z"], "n"))
        self.assertTrue(os.path.exists(os.path.join(folder_of(FOLDER, "good"), "run-good.wandb.synced")))
        self.assertEqual(self.server.authorizations - {None}, {"Basic " + base64.b64encode(f"api:{KEY}".encode()).decode()})

    def test_rows(self):
        rows = self.server.runs["good"].rows
        self.assertEqual([(row["_step"], row["trainer/global_step"], row["train/loss"], row["epoch"]) for row in rows[:50]],
                         [(step, step * 10, 1 / (1 + step), step // 10) for step in range(50)])
        self.assertEqual(rows[50]["note"], "hello")
        self.assertEqual(rows[52]["weights"], {"_type": "histogram", "values": [1, 3, 5], "bins": [-1, 0, 1, 2]})

    def test_configuration_and_summary(self):
        good = self.server.runs["good"]
        config = {key: value["value"] for key, value in json.loads(good.facts["config"]).items() if key != "_wandb"}
        self.assertEqual(config, {"seed": 7, "lr": 0.1, "model": {"type": "rcnn", "limit": "Infinity"}})
        self.assertEqual((good.summary["train/loss"], good.summary["note"], good.summary["_step"]), (1 / 50, "hello", 52))

    def test_files(self):
        good = self.server.runs["good"]
        self.assertEqual(good.files[good.rows[51]["pixel"]["path"]], b"not really a picture")
        self.assertEqual(good.files["checkpoint/last=1.ckpt"], b"weights of good")

    def test_odd_names_and_values(self):
        rows = self.server.runs["odd"].rows
        self.assertEqual([rows[0][name] for name in ("a b", "sl/a/sh", "café \U0001F680", "dot.ted")], [1, 2, 3, 4])
        self.assertTrue(math.isnan(float(rows[1]["nan"])))
        self.assertEqual([float(rows[1][name]) for name in ("inf", "down", "large")], [math.inf, -math.inf, 1e308])
        self.assertEqual([row["unordered"] for row in rows[2:5]], [5, 3, 9])
        self.assertEqual(rows[5]["long"], "x" * 90000)

    def test_a_million_scalars_of_ten_thousand_names(self):
        rows = self.server.runs["many"].rows
        self.assertEqual(len(rows), N_STEPS)
        for step, row in enumerate(rows):
            self.assertEqual([row[f"metric/{i}"] for i in (0, 777, N_NAMES - 1)], [i + step / 128 for i in (0, 777, N_NAMES - 1)])

    def test_nothing_else_was_asked_for(self):
        self.assertEqual(self.server.unknown, [])


class TornTest(unittest.TestCase):
    def test_of_a_killed_run_everything_before_the_tear_is_uploaded(self):
        source = folder_of(FOLDER, "good")
        with open(os.path.join(source, "run-good.wandb"), "rb") as file:
            whole = file.read()
        server = Server()
        with tempfile.TemporaryDirectory() as above:
            folder = os.path.join(above, "wandb", os.path.basename(source))
            os.makedirs(os.path.join(folder, "files"))
            with open(os.path.join(folder, "run-good.wandb"), "wb") as file:
                file.write(whole[:len(whole) // 2])
            try:
                sync(server, folder)
            except RuntimeError:
                pass  # it says that the file is torn
        server.stop()
        run = server.runs["good"]
        self.assertGreater(len(run.rows), 10)
        self.assertEqual([row["train/loss"] for row in run.rows], [1 / (1 + step) for step in range(len(run.rows))])


class QuickstartTest(unittest.TestCase):
    def test_a_run_is_uploaded_at_its_end(self):
        server = Server()
        with tempfile.TemporaryDirectory() as folder:
            os.environ.update(environment(server, folder))
            version, rows = quickstart.run(folder, "wandb", "logger.0.offline=false", 'logger.0.id="quick"')
            self.assertEqual(quickstart.files_with(version, KEY), [])
        server.stop()
        run = server.runs["quick"]
        ours = [(row["trainer/global_step"], name, value) for row in run.rows for name, value in row.items()
                if not name.startswith("_") and name not in ("trainer/global_step", "epoch")]
        self.assertEqual(sorted(ours), sorted(rows))
        self.assertEqual((run.complete, run.exit_code), (True, 0))
        self.assertEqual(json.loads(run.facts["config"])["run"]["value"]["seed"], 7)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as FOLDER:
        subprocess.run([sys.argv[1], "--gtest_filter=*ForReaders"], check=True, stdout=subprocess.DEVNULL,
                       env=dict(os.environ, DV_READER_DIR=FOLDER))
        unittest.main(argv=sys.argv[:1])
