"""Reads the comet plugin's archives with Comet's own uploader, stopped short of the network, and with `comet offline`. Arguments: see
tests/readers/quickstart.py."""
import csv
import glob
import io
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

os.environ |= {"COMET_DISABLE_AUTO_LOGGING": "1", "DO_NOT_TRACK": "1", "COMET_INTERNAL_SENTRY_DSN": "", "COMET_API_KEY": "x" * 25}

import jsonschema  # noqa: E402
from comet_ml import offline  # noqa: E402

sys.path.append(os.path.join(os.path.dirname(__file__), *[os.pardir] * 4, "tests", "readers"))
import quickstart  # noqa: E402


class Uploaded:
    """What the uploader hands to its connection."""

    def __init__(self, archive):
        folder = offline.unzip_offline_archive(archive)
        self.connection, self.rest, uploads = mock.MagicMock(), mock.MagicMock(), mock.MagicMock()
        sender = offline.OfflineSender("x" * 25, folder, raise_validation_error_for_tests=True, connection=self.connection,
                                       rest_api_client=self.rest)
        sender.run_id, sender.project_id, sender.file_upload_manager = "run", "project", uploads
        sender._send_messages()
        self.sender = sender
        if self.rest.update_experiment_error_status.called:
            raise AssertionError("the uploader could not read a message")
        self.metrics = self.items("log_metrics_batch")
        self.parameters = {p["parameterName"]: p["parameterValue"] for p in self.items("log_parameters_batch")}
        self.files = []
        for call in uploads.upload_file_thread.call_args_list:
            options = call.kwargs["options"]
            with open(options.file_path, "rb") as file:
                self.files.append((options.upload_type, options.additional_params["fileName"], options.additional_params["step"],
                                   file.read()))
        shutil.rmtree(folder)

    def items(self, name):
        found = []
        for call in getattr(self.connection, name).call_args_list:
            items = call.kwargs["items"]
            found += [item.message.to_batch_message_dict() for item in items]
        return found

    def points(self, name):
        return [(m["step"], m["metricValue"]) for m in self.metrics if m["metricName"] == name]

    def others(self):
        return {call.kwargs["key"]: call.kwargs["value"] for call in self.rest.log_experiment_other.call_args_list}


def archive(name):
    return os.path.join(FOLDER, name * 32 + ".zip")


class UploaderTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.good, cls.bad, cls.odd, cls.many = (Uploaded(archive(name)) for name in "abcd")

    def test_metrics(self):
        self.assertEqual(self.good.points("train/loss"), [(step * 10, 1 / (1 + step)) for step in range(50)])
        self.assertEqual([m["epoch"] for m in self.good.metrics], [step // 10 for step in range(50)])
        self.assertEqual([m["timestamp"] for m in self.good.metrics][:2], [1700000000000, 1700000001000])

    def test_parameters(self):
        self.assertEqual(self.good.parameters, {"lr": 0.1, "on": True, "model/type": "rcnn", "model/limit": "Infinity"})

    def test_facts(self):
        sender = self.good.sender
        self.assertEqual((sender.experiment_id, sender.metadata_project_name, sender.metadata_workspace, sender.tags),
                         ("a" * 32, "p", "w", ["x"]))
        self.assertEqual((sender.start_time, sender.customer_error_reported), (1700000000000, False))
        self.assertEqual((self.bad.sender.customer_error_reported, self.bad.sender.customer_error_message), (True, "the run failed"))
        self.assertEqual(self.good.others(), {"Created from": "dvhost", "Name": "café"})

    def test_files(self):
        self.assertEqual(self.good.files[:2], [("text-sample", "note", 490, b"hello"), ("visualization", "pixel.png", 490, b"png")])
        self.assertEqual(json.loads(self.good.files[2][3])["counts"], [1, 3])
        self.assertEqual(self.good.files[3], ("asset", "checkpoint/last.ckpt", None, b"weights"))

    def test_odd_names_and_values(self):
        for name, value in (("a b", 1), ("sl/a/sh", 2), ("café \U0001F680", 3), ('quo"te', 4)):
            self.assertEqual(self.odd.points(name), [(0, value)])
        self.assertTrue(math.isnan(float(self.odd.points("nan")[0][1])))
        self.assertEqual([float(self.odd.points(name)[0][1]) for name in ("inf", "down", "large")], [math.inf, -math.inf, 1e308])
        self.assertEqual(self.odd.points("unordered"), [(3, 3), (5, 5), (9, 9)])  # the uploader puts them in order

    def test_ten_thousand_names(self):
        found = {}
        for m in self.many.metrics:
            found.setdefault(m["metricName"], []).append(m["metricValue"])
        self.assertEqual(found, {f"metric/{i}": [i + step / 128 for step in range(10)] for i in range(10000)})


class SchemaTest(unittest.TestCase):
    """Every line against the schema of its type, more strictly than the uploader looks."""

    def test_every_message(self):
        schemas = {}
        for path in glob.glob(os.path.join(os.path.dirname(offline.__file__), "schemas", "offline-*.schema.json")):
            with open(path, encoding="utf-8") as file:
                schemas[os.path.basename(path)[len("offline-"):-len(".schema.json")]] = json.load(file)
        folder = offline.unzip_offline_archive(archive("a"))
        with open(os.path.join(folder, "experiment.json"), encoding="utf-8") as file:
            jsonschema.validate(json.load(file), schemas["experiment"])
        with open(os.path.join(folder, "messages.json"), encoding="utf-8") as file:
            for line in file:
                message = json.loads(line)
                name = message["type"].replace("_", "-")
                jsonschema.validate(message["payload"], schemas[name if name.endswith("-msg") else name + "-msg"])
        shutil.rmtree(folder)


class ExplorerTest(unittest.TestCase):
    def test_comet_offline_lists_it(self):
        program = os.path.join(os.path.dirname(sys.executable), "comet")
        done = subprocess.run([program, "offline", "--csv", archive("a")], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(done.stdout)) if len(row) > 5]
        self.assertTrue(any("train/loss" in row for row in rows), done.stdout)
        self.assertTrue(any("model/type" in row and "rcnn" in row for row in rows), done.stdout)


class QuickstartTest(unittest.TestCase):
    def test_a_run_is_read_back(self):
        with tempfile.TemporaryDirectory() as folder:
            version, rows = quickstart.run(folder, "comet")
            found, = glob.glob(os.path.join(version, "*.zip"))
            uploaded = Uploaded(found)
        for name in {name for _, name, _ in rows}:
            self.assertEqual(uploaded.points(name), [(step, value) for step, n, value in rows if n == name], name)
        self.assertEqual(uploaded.parameters["run/seed"], 7)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as FOLDER:
        subprocess.run([sys.argv[1], "--gtest_filter=*ForReaders"], check=True, stdout=subprocess.DEVNULL,
                       env=dict(os.environ, DV_READER_DIR=FOLDER))
        unittest.main(argv=sys.argv[:1])
