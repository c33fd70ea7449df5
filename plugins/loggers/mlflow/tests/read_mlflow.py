"""Reads what the mlflow plugin has logged with MLflow's own client, from a real server on loopback and from a folder. Arguments: see
tests/readers/quickstart.py."""
import glob
import math
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1", "MLFLOW_ALLOW_FILE_STORE": "true"}

from mlflow import MlflowClient  # noqa: E402
from mlflow.utils import validation  # noqa: E402

sys.path.append(os.path.join(os.path.dirname(__file__), *[os.pardir] * 4, "tests", "readers"))
import quickstart  # noqa: E402
from mlflow_server import PROGRAM, Server  # noqa: E402

EXPERIMENT = "café & co"


def program(filter_, uri):
    return [sys.argv[1], f"--gtest_filter={filter_}"], dict(os.environ, DV_TRACKING_URI=uri)


def log(filter_, uri):
    command, environment = program(filter_, uri)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)


def run_named(client, name, experiment=EXPERIMENT):
    found = client.get_experiment_by_name(experiment)
    run, = client.search_runs([found.experiment_id], f"attributes.run_name = '{name}'")
    return run


def history(client, run, key):
    return [(m.step, m.value, m.timestamp) for m in client.get_metric_history(run.info.run_id, key)]


class RunChecks:
    """What both kinds of store must give back. `client` and `folder` are the class's."""

    def test_steps_values_and_times(self):
        good = run_named(self.client, "good")
        self.assertEqual(history(self.client, good, "train/loss"),
                         [(step * 10, 1 / (1 + step), 1700000000000 + step * 1000) for step in range(50)])
        self.assertEqual([value for _, value, _ in history(self.client, good, "epoch")], [step // 10 for step in range(50)])

    def test_hyperparameters_and_tags(self):
        good = run_named(self.client, "good")
        self.assertEqual(good.data.params, {"lr": "0.1", "model/type": "rcnn", "model/limit": "inf"})
        self.assertLessEqual({"group": "g", "x": "true", "mlflow.source.name": "dvhost"}.items(), good.data.tags.items())

    def test_how_it_ended(self):
        self.assertEqual([run_named(self.client, name).info.status for name in ("good", "bad")], ["FINISHED", "FAILED"])

    def test_artifacts(self):
        run_id = run_named(self.client, "good").info.run_id
        with tempfile.TemporaryDirectory() as folder:
            for name, content in (("files/checkpoint/last.ckpt", "weights"), ("text/note_490.txt", "hello")):
                with open(self.client.download_artifacts(run_id, name, folder), encoding="utf-8") as file:
                    self.assertEqual(file.read(), content)

    def test_odd_names_and_values(self):
        odd = run_named(self.client, "odd")
        metrics = odd.data.metrics
        self.assertEqual([metrics[name] for name in ("a b", "sl/a/sh", "café", "_", "__/x/y")], [1, 2, 3, 4, 5])
        self.assertTrue(math.isnan(metrics["nan"]))
        self.assertGreaterEqual(metrics["inf"], 1.797e308)
        self.assertLessEqual(metrics["down"], -1.797e308)
        self.assertEqual(metrics["large"], 1e308)
        self.assertEqual(sorted(step for step, _, _ in history(self.client, odd, "unordered")), [3, 5, 9])
        self.assertEqual(odd.data.params, {"long": "x" * 6000, "odd _name__": "value\nof two lines"})

    def test_ten_thousand_names(self):
        metrics = run_named(self.client, "many").data.metrics
        self.assertEqual(metrics, {f"metric/{i}": i * 0.5 for i in range(10000)})


class ServerTest(RunChecks, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.server = Server(cls.temporary.name)
        cls.addClassCleanup(cls.server.stop)
        log("*ForReaders", cls.server.uri)
        cls.client = MlflowClient(cls.server.uri)

    def test_nothing_is_in_the_database_twice(self):
        with sqlite3.connect(self.server.database) as database:
            rows = database.execute("select count(*), count(distinct key || '/' || step || '/' || timestamp || '/' || run_uuid) "
                                    "from metrics").fetchone()
        self.assertEqual(rows[0], rows[1])
        self.assertGreater(rows[0], 10000)

    def test_a_quickstart_run(self):
        with tempfile.TemporaryDirectory() as folder:
            version, rows = quickstart.run(folder, "mlflow", f'logger.0.tracking_uri="{self.server.uri}"', 'logger.0.run_name="quick"')
            self.assertEqual(glob.glob(os.path.join(version, "mlflow-*.spool")), [])
        run = run_named(self.client, "quick", "dvhost")
        for name in {name for _, name, _ in rows}:
            ours = [(step, value) for step, n, value in rows if n == name]
            self.assertEqual(sorted((step, value) for step, value, _ in history(self.client, run, name)), sorted(ours), name)
        self.assertEqual((run.info.status, run.data.params["run/seed"]), ("FINISHED", "7"))


class OutageTest(unittest.TestCase):
    def test_a_server_that_dies_and_comes_back_misses_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            server = Server(folder)
            command, environment = program("*TortureForReaders", server.uri)
            logger = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            client = MlflowClient(server.uri)
            for _ in range(600):
                found = client.get_experiment_by_name(EXPERIMENT)
                if found and len(client.search_runs([found.experiment_id])) == 2:
                    break
                time.sleep(0.05)
            server.stop()
            time.sleep(1)
            again = Server(folder, server.port)
            self.addCleanup(again.stop)
            self.assertEqual(logger.wait(timeout=300), 0)
            client = MlflowClient(again.uri)
            many = run_named(client, "many")
            self.assertEqual(many.data.metrics, {f"metric/{i}": i * 0.5 for i in range(10000)})
            with sqlite3.connect(again.database) as database:
                self.assertEqual(database.execute("select count(*) from metrics where run_uuid = ?",
                                                  (many.info.run_id,)).fetchone(), (10000,))


class FolderTest(RunChecks, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder = os.path.join(cls.temporary.name, "mlruns")
        log("*ForReaders", cls.folder)
        cls.client = MlflowClient("file://" + cls.folder)

    def test_moves_to_a_database(self):
        database = os.path.join(self.temporary.name, "moved.db")
        done = subprocess.run([PROGRAM, "migrate-filestore", "--source", self.folder, "--target", f"sqlite:///{database}"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        client = MlflowClient(f"sqlite:///{database}")
        good = run_named(client, "good")
        self.assertEqual([value for _, value, _ in history(client, good, "train/loss")], [1 / (1 + step) for step in range(50)])
        self.assertEqual(good.info.status, "FINISHED")


    def test_a_quickstart_run_in_a_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            version, rows = quickstart.run(folder, "mlflow", 'logger.0.run_name="quick"')
            client = MlflowClient("file://" + os.path.join(version, "mlruns"))
            run = run_named(client, "quick", "dvhost")
            for key, name in (("train/loss", "train/loss"), ("test/loss.cross_entropy", "test/loss/cross_entropy")):
                ours = [(step, value) for step, n, value in rows if n == name]
                self.assertEqual([(step, value) for step, value, _ in history(client, run, key)], ours, name)


class LimitsTest(unittest.TestCase):
    def test_ours_are_within_those_of_the_server(self):
        self.assertLessEqual(500, validation.MAX_METRICS_PER_BATCH)
        self.assertLessEqual(100, validation.MAX_PARAMS_TAGS_PER_BATCH)
        self.assertLessEqual(250, validation.MAX_ENTITY_KEY_LENGTH)
        self.assertLessEqual(6000, validation.MAX_PARAM_VAL_LENGTH)
        self.assertLessEqual(5000, validation.MAX_TAG_VAL_LENGTH)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
