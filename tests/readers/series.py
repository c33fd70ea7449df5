"""How each tool reads one series of a run, for the tests that put the same question to all of them."""
import csv
import glob
import json
import os
import sqlite3
import sys

SERIES = "train/loss"
for plugin in ("wandb", "neptune", "mlflow", "comet"):
    sys.path.append(os.path.join(os.path.dirname(__file__), os.pardir, os.pardir, "plugins", "loggers", plugin, "tests"))


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


def reader_of(logger):
    """`options` are overrides for a logger.0 that is to be read; points(version, recovered) gives step, value and, where it is kept,
    the time of each point of SERIES. `recovered` is whether the file must be whole."""
    return {"csv": Csv, "jsonl": Jsonl, "sqlite": Sqlite, "tensorboard": Tensorboard, "wandb": WandbDatastore, "neptune": Neptune,
            "mlflow": Mlflow, "comet": Comet}[logger]()
