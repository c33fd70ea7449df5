"""Reads the tensorboard plugin's files with TensorBoard: its accumulators, its data provider, and its server with both of its
loaders. Arguments: see tests/readers/quickstart.py."""
import math
import os
import struct
import subprocess
import sys
import tempfile
import unittest

from tensorboard import context
from tensorboard.backend.event_processing import data_provider, event_accumulator, plugin_event_multiplexer
from tensorboard.data import provider
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups
from tensorboard.util import tensor_util

sys.path.append(os.path.join(os.path.dirname(__file__), *[os.pardir] * 4, "tests", "readers"))
import quickstart  # noqa: E402
import tensorboard_server  # noqa: E402

N_NAMES, N_STEPS = 10000, 100
KEEP_ALL = {"scalars": 0, "tensors": 0, "images": 0, "histograms": 0}
CTX = context.RequestContext()


def f32(value):
    if abs(value) > 3.4028235677973366e38:
        return math.copysign(math.inf, value)
    return struct.unpack("f", struct.pack("f", value))[0]


def accumulate(run):
    accumulator = event_accumulator.EventAccumulator(os.path.join(FOLDER, run), size_guidance=KEEP_ALL)
    return accumulator.Reload()


def points(accumulator, tag):
    return [(event.step, float(tensor_util.make_ndarray(event.tensor_proto))) for event in accumulator.Tensors(tag)]


class AccumulatorTest(unittest.TestCase):
    def test_names_steps_and_values(self):
        good = accumulate("good")
        self.assertEqual(points(good, "train/loss"), [(step, f32(1 / (1 + step))) for step in range(50)])
        self.assertEqual(points(good, "val/loss"), [(step, f32(2 / (1 + step))) for step in range(9, 50, 10)])
        self.assertEqual([event.wall_time for event in good.Tensors("train/loss")], [1.7e9 + step for step in range(50)])

    def test_odd_names_and_values(self):
        torture = accumulate("torture")
        for name, value in (("a b", 1.0), ("sl/a/sh", 2.0), ("café \U0001F680", 3.0)):
            self.assertEqual(points(torture, name), [(0, value)])
        special = [value for _, value in points(torture, "special")]
        self.assertTrue(math.isnan(special[0]))
        self.assertEqual(special[1:], [math.inf, -math.inf, f32(1e308)])
        self.assertEqual([step for step, _ in points(torture, "unordered")], [5, 3, 9])

    def test_a_million_scalars_of_ten_thousand_names(self):
        many = accumulate("many")
        tags = many.Tags()["tensors"]
        self.assertEqual(len(tags), N_NAMES)
        for i in (0, 1, 4999, N_NAMES - 1):
            self.assertEqual(points(many, f"metric/{i}"), [(step, i + step / 128) for step in range(N_STEPS)])

    def test_lightnings_layout_is_read_as_torchs_is(self):
        lightning = accumulate("lightning")
        self.assertEqual([(e.step, e.value) for e in lightning.Scalars("loss")], [(step, step * 0.5) for step in range(20)])
        self.assertEqual([e.value for e in lightning.Scalars("hp_metric")], [-1.0])


class ProviderTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        multiplexer = plugin_event_multiplexer.EventMultiplexer(tensor_size_guidance={
            plugin: 0 for plugin in ("scalars", "histograms", "images", "text")})
        for run in ("good", "bad", "torture"):
            multiplexer.AddRun(os.path.join(FOLDER, run), run)
        multiplexer.Reload()
        cls.provider = data_provider.MultiplexerDataProvider(multiplexer, FOLDER)

    def read(self, reader, plugin, run, tag):
        chosen = provider.RunTagFilter(runs=[run], tags=[tag])
        return reader(CTX, experiment_id="x", plugin_name=plugin, downsample=1000, run_tag_filter=chosen)[run][tag]

    def test_plugins_are_those_that_were_logged(self):
        found = set(self.provider.list_plugins(CTX, experiment_id="x"))
        self.assertLessEqual({"scalars", "histograms", "images", "text", "hparams", "custom_scalars"}, found)

    def test_scalars(self):
        data = self.read(self.provider.read_scalars, "scalars", "good", "train/loss")
        self.assertEqual([(d.step, d.value) for d in data], [(step, f32(1 / (1 + step))) for step in range(50)])

    def test_histogram(self):
        datum, = self.read(self.provider.read_tensors, "histograms", "good", "weights")
        self.assertEqual(datum.step, 9)
        self.assertEqual(datum.numpy.tolist(), [[-1.5, -1, 1], [-1, 0, 3], [0, 1, 0], [1, 1.75, 5]])

    def test_text(self):
        datum, = self.read(self.provider.read_tensors, "text", "good", "note")
        self.assertEqual(datum.numpy.tolist(), ["**bold** café".encode()])

    def test_image(self):
        sequence, = self.read(self.provider.read_blob_sequences, "images", "good", "pixel")
        width, height, png = (self.provider.read_blob(CTX, blob_key=value.blob_key) for value in sequence.values)
        self.assertEqual((width, height, png[:4]), (b"1", b"1", b"\x89PNG"))

    def test_custom_scalars(self):
        datum, = self.read(self.provider.read_tensors, "custom_scalars", "good", "custom_scalars__config__")
        layout = layout_pb2.Layout.FromString(datum.numpy.item())
        chart = layout.category[0].chart[0]
        self.assertEqual((chart.title, list(chart.multiline.tag)), ("both", ["train/.*", "val/.*"]))

    def session_groups(self):
        class TbContext:
            data_provider = self.provider
            flags = None
        request = api_pb2.ListSessionGroupsRequest(slice_size=10, allowed_statuses=[0, 1, 2, 3])
        handler = list_session_groups.Handler(CTX, backend_context.Context(TbContext()), "x", request)
        return {group.name: group for group in handler.run().session_groups}

    def test_hyperparameters_metrics_and_how_it_ended(self):
        groups = self.session_groups()
        self.assertEqual(set(groups), {"good", "bad"})
        good = groups["good"]
        self.assertEqual(good.hparams["lr"].number_value, 0.1)
        self.assertIs(good.hparams["deterministic"].bool_value, True)
        self.assertEqual(good.hparams["model/type"].string_value, "rcnn")
        self.assertEqual(good.hparams["model/limit"].string_value, "inf")
        self.assertEqual(good.hparams["callback/0/type"].string_value, "checkpoint")
        self.assertEqual({name: group.sessions[0].status for name, group in groups.items()}, {"good": 1, "bad": 2})
        metrics = {value.name.tag: value.value for value in good.metric_values}
        self.assertAlmostEqual(metrics["train/loss"], 1 / 50, places=6)


class QuickstartTest(unittest.TestCase):
    def test_a_run_is_read_back(self):
        with tempfile.TemporaryDirectory() as folder:
            version, rows = quickstart.run(folder, "tensorboard")
            accumulator = event_accumulator.EventAccumulator(version, size_guidance=KEEP_ALL).Reload()
            self.assertGreater(len(rows), 10)
            for name in {name for _, name, _ in rows}:
                self.assertEqual(points(accumulator, name), [(step, f32(value)) for step, n, value in rows if n == name], name)
            self.assertIn("_hparams_/session_end_info", accumulator.Tags()["tensors"])


class TornTest(unittest.TestCase):
    def test_a_file_that_a_kill_has_cut_is_read_as_far_as_it_goes(self):
        source = os.path.join(FOLDER, "good")
        name, = os.listdir(source)
        with open(os.path.join(source, name), "rb") as file:
            whole = file.read()
        with tempfile.TemporaryDirectory() as folder:
            last = 0
            for size in range(len(whole) // 2, len(whole), 37):
                with open(os.path.join(folder, name), "wb") as file:
                    file.write(whole[:size])
                accumulator = event_accumulator.EventAccumulator(folder, size_guidance=KEEP_ALL).Reload()
                n = len(accumulator.Tensors("train/loss"))
                self.assertGreaterEqual(n, last)
                last = n
            self.assertGreater(last, 40)

    def test_what_is_appended_while_it_is_watched_is_seen(self):
        source = os.path.join(FOLDER, "good")
        name, = os.listdir(source)
        with open(os.path.join(source, name), "rb") as file:
            whole = file.read()
        with tempfile.TemporaryDirectory() as folder:
            half = len(whole) // 2
            with open(os.path.join(folder, name), "wb") as file:
                file.write(whole[:half])
            accumulator = event_accumulator.EventAccumulator(folder, size_guidance=KEEP_ALL).Reload()
            before = len(accumulator.Tensors("train/loss"))
            with open(os.path.join(folder, name), "ab") as file:
                file.write(whole[half:])
            accumulator.Reload()
            self.assertLess(before, 50)
            self.assertEqual(len(accumulator.Tensors("train/loss")), 50)


class ServerTest:
    """The program itself; `load_fast` picks its loader in Rust or the one in Python."""
    load_fast = ""

    @classmethod
    def setUpClass(cls):
        cls.server = tensorboard_server.Server(FOLDER, cls.load_fast)
        cls.addClassCleanup(cls.server.stop)
        cls.get, cls.wait_for = cls.server.get, cls.server.wait_for

    def test_scalars(self):
        self.wait_for("good", "train/loss", 50)
        self.wait_for("many", f"metric/{N_NAMES - 1}", N_STEPS)
        data = self.get("data/plugin/scalars/scalars", run="good", tag="train/loss")
        self.assertEqual([(step, value) for _, step, value in data], [(step, f32(1 / (1 + step))) for step in range(50)])
        self.assertLessEqual({"good", "bad", "torture", "many", "lightning"}, set(self.get("data/runs")))
        self.assertEqual(len(self.get("data/plugin/scalars/tags")["many"]), N_NAMES)
        data = self.get("data/plugin/scalars/scalars", run="many", tag="metric/77")
        self.assertEqual([value for _, _, value in data], [77 + step / 128 for step in range(N_STEPS)])

    def test_lightnings_layout_is_shown_alike(self):
        self.wait_for("lightning", "loss", 20)
        data = self.get("data/plugin/scalars/scalars", run="lightning", tag="loss")
        self.assertEqual([(step, value) for _, step, value in data], [(step, step * 0.5) for step in range(20)])

    def test_other_plugins_have_their_tags(self):
        self.wait_for("good", "val/loss", 5)
        tags = self.get("data/plugin/timeseries/tags")
        self.assertIn("train/loss", tags["scalars"]["runTagInfo"]["good"])
        self.assertIn("weights", tags["histograms"]["runTagInfo"]["good"])
        self.assertIn("pixel", tags["images"]["tagRunSampledInfo"])
        self.assertIn("note", self.get("data/plugin/text/tags")["good"])
        self.assertIn("bold", self.get("data/plugin/text/text", run="good", tag="note")[0]["text"])
        self.assertEqual(self.get("data/plugin/histograms/histograms", run="good", tag="weights")[0][1], 9)

    def test_sessions(self):
        self.wait_for("bad", "val/loss", 5)
        answer = self.get("data/plugin/hparams/session_groups", body={
            "experimentName": "", "allowedStatuses": ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"],
            "colParams": [], "startIndex": 0, "sliceSize": 10})
        groups = {group["name"]: group for group in answer["sessionGroups"]}
        self.assertEqual(groups["good"]["hparams"]["lr"], 0.1)
        self.assertEqual({name: groups[name]["sessions"][0]["status"] for name in ("good", "bad")},
                         {"good": "STATUS_SUCCESS", "bad": "STATUS_FAILURE"})


class FastServerTest(ServerTest, unittest.TestCase):
    load_fast = "true"


class SlowServerTest(ServerTest, unittest.TestCase):
    load_fast = "false"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as FOLDER:
        subprocess.run([sys.argv[1], "--gtest_filter=*ForReaders"], check=True, stdout=subprocess.DEVNULL,
                       env=dict(os.environ, DV_READER_DIR=FOLDER))
        unittest.main(argv=sys.argv[:1])
