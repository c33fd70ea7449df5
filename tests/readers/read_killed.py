"""What the tools read of a run whose process was killed: before `dvhost logs recover`, and after it.

    read_killed.py <logger> <dvhost> <manifest>

Before, a tool must read a beginning of what was logged, and not stumble over the end. After, it must read all of it, and that must
reach up to the kill: its newest row may be 100 ms older, and what the run itself let pass between two rows. On a busy machine a run may
stand still for longer than that at the very moment; so the bound holds for each kill with the run's own longest pause added, and
for the median of the kills without.
"""
import csv
import glob
import json
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import unittest

LOGGER = sys.argv[1]
N_KILLS = 5
OLDEST = 0.1  # [s]
SERIES = "train/loss"
LOGGERS = os.path.join(os.path.dirname(__file__), os.pardir, os.pardir, "plugins", "loggers")

import quickstart  # noqa: E402


def one(pattern):
    path, = glob.glob(pattern)
    return path


def whole_lines(path):
    with open(path, encoding="utf-8", newline="") as file:
        return [line for line in file if line.endswith("\n")]


class Csv:
    options = ['logger.0.layout="long"']

    def points(self, version, recovered):
        rows = csv.DictReader(whole_lines(os.path.join(version, "metrics.csv")), strict=True)
        return [(int(row["step"]), float(row["value"]), float(row["wall_time"])) for row in rows if row["key"] == SERIES]


class Jsonl:
    options = []

    def points(self, version, recovered):
        rows = [json.loads(line) for line in whole_lines(os.path.join(version, "metrics.jsonl"))]
        return [(row["step"], row[SERIES]) for row in rows if SERIES in row]


class Sqlite:
    options = []

    def points(self, version, recovered):
        path = next(path for path in glob.glob(os.path.join(version, "**", "*.sqlite"), recursive=True) +
                    glob.glob(os.path.join(os.path.dirname(version), "*.sqlite")))
        with sqlite3.connect(path) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return database.execute("SELECT step, value FROM metrics WHERE name = ? ORDER BY rowid", (SERIES,)).fetchall()


class Tensorboard:
    options = []

    def points(self, version, recovered):
        from tensorboard.backend.event_processing import event_accumulator
        from tensorboard.util import tensor_util
        read = event_accumulator.EventAccumulator(version, size_guidance={"tensors": 0}).Reload()
        return [(e.step, float(tensor_util.make_ndarray(e.tensor_proto)), e.wall_time) for e in read.Tensors(SERIES)] if (
            SERIES in read.Tags()["tensors"]) else []


class WandbDatastore:
    options = []

    def points(self, version, recovered):
        import read_datastore
        found = []
        try:
            for record in read_datastore.read(one(os.path.join(version, "wandb", "offline-run-*", "run-*.wandb"))):
                row = {item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
                if SERIES in row:
                    found.append((row["trainer/global_step"], row[SERIES], row["_timestamp"]))
        except AssertionError:  # how this reader says that the last record is torn
            assert not recovered
        return found


class Neptune:
    options = []

    def points(self, version, recovered):
        import read_neptune
        return read_neptune.File(one(os.path.join(version, ".neptune", "*", "run_operations.sqlite3"))).series.get("training/" + SERIES, [])


class Mlflow:
    options = ['logger.0.run_name="killed"']

    def points(self, version, recovered):
        import read_mlflow
        client = read_mlflow.MlflowClient("file://" + os.path.join(version, "mlruns"))
        run = read_mlflow.run_named(client, "killed", "dvhost")
        return sorted((step, value) for step, value, _ in read_mlflow.history(client, run, SERIES))


class Comet:
    options = []

    def points(self, version, recovered):
        import read_comet
        if recovered:
            return read_comet.Uploaded(one(os.path.join(version, "*.zip"))).points(SERIES)
        messages = [json.loads(line) for line in whole_lines(one(os.path.join(version, "*.partial", "messages.json")))]
        metrics = [message["payload"]["metric"] for message in messages if message["type"] == "metric_msg"]
        return [(m["step"], m["metricValue"]) for m in metrics if m["metricName"] == SERIES]


READER = {"csv": Csv, "jsonl": Jsonl, "sqlite": Sqlite, "tensorboard": Tensorboard, "wandb": WandbDatastore, "neptune": Neptune,
          "mlflow": Mlflow, "comet": Comet}[LOGGER]()


def killed_run(folder, seconds):
    """Starts a run that never ends, kills it so long after its first row; when that was, and the run's folder."""
    version = os.path.join(folder, "version_0")
    metrics = os.path.join(version, "metrics.jsonl")
    process = quickstart.launch(folder, "console" if LOGGER == "jsonl" else LOGGER, "trainer.max_epochs=-1", 'run.stages=["fit"]', "data.n_train=640",
                                "callback.0.save_last=false", *READER.options)
    deadline = time.monotonic() + 120
    while not (os.path.exists(metrics) and os.path.getsize(metrics)):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise RuntimeError("the run logs nothing: " + process.communicate()[1])
        time.sleep(0.01)
    time.sleep(seconds)
    at = time.time()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return at, version


class KilledTest(unittest.TestCase):
    def check(self, folder, seconds):
        """How many rows are read before, the age of the newest that is read after, and the longest pause between two; ages only with times."""
        at, version = killed_run(folder, seconds)
        before = READER.points(version, False)
        done = subprocess.run([sys.argv[2], "logs", "recover", version], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        after = READER.points(version, True)
        self.assertEqual([point[:2] for point in before], [point[:2] for point in after[:len(before)]])
        expected = [(step, value) for step, name, value in quickstart.rows_of(version) if name == SERIES]
        self.assertEqual([step for step, _ in expected], list(range(len(expected))))
        self.assertEqual(len(after), len(expected))
        for point, (step, value) in zip(after, expected):
            self.assertEqual(point[0], step)
            self.assertAlmostEqual(point[1], value, delta=1e-6 * abs(value))  # some keep 32 bits
        times = [point[2] for point in after if len(point) > 2]
        return len(before), at - times[-1] if times else None, max((b - a for a, b in zip(times, times[1:])), default=None)

    def test_nothing_that_was_logged_is_lost(self):
        moments = random.Random(7)
        found = []
        for _ in range(N_KILLS):
            with tempfile.TemporaryDirectory() as folder:
                found.append(self.check(folder, moments.uniform(0.3, 3)))
        print(f"{LOGGER}: rows before recover: {[n for n, _, _ in found]}")
        self.assertTrue(any(n for n, _, _ in found), "no kill came late enough to show something")
        if found[0][1] is None:
            return
        print("age of the newest row at the kill, and the longest pause of the run [ms]: "
              + ", ".join(f"{1000 * age:.1f} ({1000 * pause:.1f})" for _, age, pause in found))
        for _, age, pause in found:
            self.assertLess(age, OLDEST + pause)
        self.assertLess(statistics.median(age for _, age, _ in found), OLDEST)


if __name__ == "__main__":
    for plugin in ("wandb", "neptune", "mlflow", "comet"):
        sys.path.append(os.path.join(LOGGERS, plugin, "tests"))
    unittest.main(argv=sys.argv[:1])
