"""Reads the wandb plugin's transaction logs record by record, with the reader in Python that wandb had until 0.29. Arguments: see
tests/readers/quickstart.py."""
import glob
import json
import math
import os
import subprocess
import sys
import tempfile
import unittest

from wandb.proto import wandb_internal_pb2
from wandb.sdk.internal import datastore

N_NAMES, N_STEPS = 10000, 100


def path_of(run):
    path, = glob.glob(os.path.join(FOLDER, "wandb", f"offline-run-*-{run}", f"run-{run}.wandb"))
    return path


def read(path):
    store = datastore.DataStore()
    store.open_for_scan(path)
    try:
        while (data := store.scan_data()) is not None:
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            yield record
    finally:
        store.close()


def rows_of(records):
    """Rows as dicts, which must have W&B's own columns in order."""
    rows = []
    for record in records:
        if record.WhichOneof("record_type") == "history":
            rows.append({item.nested_key[0]: json.loads(item.value_json) for item in record.history.item})
    assert [row["_step"] for row in rows] == list(range(len(rows)))
    return rows


class DatastoreTest(unittest.TestCase):
    def test_what_our_writer_relies_on_has_not_changed(self):
        self.assertEqual((datastore.LEVELDBLOG_HEADER_IDENT, datastore.LEVELDBLOG_HEADER_MAGIC, datastore.LEVELDBLOG_HEADER_VERSION),
                         (":W&B", 0xBEE1, 0))
        self.assertEqual((datastore.LEVELDBLOG_BLOCK_LEN, datastore.LEVELDBLOG_HEADER_LEN), (32768, 7))

    def test_order_numbers_and_values(self):
        records = list(read(path_of("good")))
        self.assertEqual([record.num for record in records], list(range(1, len(records) + 1)))
        kinds = [record.WhichOneof("record_type") for record in records]
        self.assertEqual(kinds[:3], ["header", "run", "environment"])
        self.assertEqual(kinds[-3:], ["summary", "exit", "final"])
        run = records[1].run
        self.assertEqual((run.run_id, run.project, run.display_name, run.run_group, run.notes, list(run.tags)),
                         ("good", "proj", "a café", "g", "n", ["x", "y z"]))
        self.assertEqual(run.start_time.seconds, 1700000000)
        rows = rows_of(records)
        self.assertEqual([(row["trainer/global_step"], row["train/loss"], row["epoch"], row["_timestamp"], row["_runtime"])
                          for row in rows[:50]],
                         [(step * 10, 1 / (1 + step), step // 10, 1.7e9 + step, step) for step in range(50)])
        self.assertEqual(rows[50]["note"], "hello")
        self.assertEqual(rows[51]["pixel"]["_type"], "image-file")
        self.assertEqual(rows[52]["weights"], {"_type": "histogram", "values": [1, 3, 5], "bins": [-1, 0, 1, 2]})
        config = {item.key: json.loads(item.value_json) for record in records for item in record.config.update}
        self.assertEqual(config, {"seed": 7, "lr": 0.1, "model": {"type": "rcnn", "limit": "Infinity"}})
        self.assertEqual((records[-2].exit.exit_code, list(read(path_of("bad")))[-2].exit.exit_code), (0, 1))
        media = os.path.join(os.path.dirname(path_of("good")), "files", rows[51]["pixel"]["path"])
        with open(media, "rb") as file:
            self.assertEqual(file.read(), b"not really a picture")

    def test_the_summary_has_the_last_value_of_every_name(self):
        summary = {}
        for record in read(path_of("good")):
            summary |= {tuple(item.nested_key): json.loads(item.value_json) for item in record.summary.update}
        self.assertEqual((summary["train/loss",], summary["note",], summary["_step",]), (1 / 50, "hello", 52))
        self.assertIn(("_wandb", "runtime"), summary)

    def test_odd_names_and_values(self):
        rows = rows_of(read(path_of("odd")))
        self.assertEqual([rows[0][name] for name in ("a b", "sl/a/sh", "café \U0001F680", "dot.ted")], [1, 2, 3, 4])
        self.assertTrue(math.isnan(rows[1]["nan"]))
        self.assertEqual((rows[1]["inf"], rows[1]["down"], rows[1]["large"]), (math.inf, -math.inf, 1e308))
        self.assertEqual([row["unordered"] for row in rows[2:5]], [5, 3, 9])
        self.assertEqual(rows[5]["long"], "x" * 90000)

    def test_a_million_scalars_of_ten_thousand_names(self):
        rows = rows_of(read(path_of("many")))
        self.assertEqual(len(rows), N_STEPS)
        for step, row in enumerate(rows):
            self.assertEqual(len(row), N_NAMES + 4)
            self.assertEqual([row[f"metric/{i}"] for i in (0, 777, N_NAMES - 1)], [i + step / 128 for i in (0, 777, N_NAMES - 1)])

    def test_every_new_name_goes_by_the_step_metric(self):
        metrics = {record.metric.name or record.metric.glob_name: record.metric
                   for record in read(path_of("good")) if record.WhichOneof("record_type") == "metric"}
        self.assertEqual(set(metrics), {"trainer/global_step", "*", "train/loss", "epoch", "note", "pixel", "weights"})
        for name in set(metrics) - {"trainer/global_step"}:
            self.assertEqual((metrics[name].step_metric, metrics[name].options.step_sync), ("trainer/global_step", True))

    def test_a_file_that_a_kill_has_cut_is_read_as_far_as_it_goes(self):
        with open(path_of("good"), "rb") as file:
            whole = file.read()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "run-cut.wandb")
            last = 0
            for size in range(100, len(whole), 7):
                with open(path, "wb") as file:
                    file.write(whole[:size])
                n = 0
                try:
                    for _ in read(path):
                        n += 1
                except AssertionError as tear:  # how this reader says that the last record is torn
                    self.assertRegex(str(tear), "bytes|checksum")
                self.assertGreaterEqual(n, last)
                last = n
            self.assertGreater(last, 50)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as FOLDER:
        subprocess.run([sys.argv[1], "--gtest_filter=*ForReaders"], check=True, stdout=subprocess.DEVNULL,
                       env=dict(os.environ, DV_READER_DIR=FOLDER))
        unittest.main(argv=sys.argv[:1])
