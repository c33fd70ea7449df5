"""Runs a manifest with a recorder and reads its responses with NumPy and xarray, its weights with safetensors and PyTorch; and gives
dvhost weights that PyTorch has written.

    read_recording.py <dvhost> <manifest>
"""
import csv
import json
import os
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy
import safetensors.torch
import torch
import xarray

DVHOST, MANIFEST = sys.argv[1:3]
N_TEST, N_STEPS, N_CLASSES = 8, 4, 3
LAYER = (4, 8, 8)


def run(folder, *overrides):
    options = [part for override in (f'run.dir="{folder}"', *overrides) for part in ("-o", override)]
    done = subprocess.run([DVHOST, "run", MANIFEST, *options], capture_output=True, text=True,
                          env=dict(os.environ, OMP_NUM_THREADS="1"))
    if done.returncode != 0:
        raise RuntimeError(f"dvhost run ended with {done.returncode}: {done.stderr}")
    return os.path.join(folder, "version_0"), done.stderr


def test_loss(folder):
    with open(os.path.join(folder, "metrics.csv"), newline="", encoding="utf-8") as file:
        return [float(row["test/loss"]) for row in csv.DictReader(file) if row.get("test/loss")][-1]


class RecordingTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder, cls.log = run(
            os.path.join(cls.temporary.name, "a"),
            'recorder=[{format = ["npz", "hdf5"]}, {name = "small", reduce = "layer", dtype = "float16", n_samples = 5, '
            'policy = "cyclic", steps = {from = 1, every = 2}}]')
        cls.npz = numpy.load(os.path.join(cls.folder, "responses", "responses_test.npz"))  # allow_pickle is off
        cls.small = numpy.load(os.path.join(cls.folder, "responses", "small_test.npz"))

    def test_numpy_reads_the_responses(self):
        response = self.npz["response_V1"]
        self.assertEqual((response.dtype, response.shape), (numpy.float32, (N_TEST, N_STEPS, *LAYER)))
        self.assertTrue(numpy.isfinite(response).all())
        self.assertGreater(response.std(), 0)
        self.assertTrue(self.npz["present_V1"].all())

    def test_decisions_are_those_of_the_outputs(self):
        output = self.npz["output"]
        self.assertEqual(output.shape, (N_TEST, N_STEPS, N_CLASSES))
        numpy.testing.assert_array_equal(self.npz["guess"], output.argmax(2))
        probability = numpy.exp(output - output.max(2, keepdims=True))
        probability /= probability.sum(2, keepdims=True)
        numpy.testing.assert_allclose(self.npz["confidence"], probability.max(2), rtol=1e-5)
        numpy.testing.assert_array_equal(self.npz["first_label"], self.npz["label"].max(1))

    def test_accuracy_is_the_one_that_was_logged(self):
        label, guess = self.npz["label"], self.npz["guess"]
        with open(os.path.join(self.folder, "metrics.csv"), newline="", encoding="utf-8") as file:
            logged = [float(row["test/accuracy"]) for row in csv.DictReader(file) if row.get("test/accuracy")][-1]
        self.assertAlmostEqual((label == guess)[label >= 0].mean(), logged, places=6)

    def test_time_is_in_milliseconds(self):
        numpy.testing.assert_array_equal(self.npz["time_bin_start"], [0, 2, 4, 6])
        numpy.testing.assert_array_equal(self.npz["time_bin_end"], [2, 4, 6, 8])

    def test_attributes_say_where_it_comes_from(self):
        attributes = json.loads(str(self.npz["attributes"]))
        self.assertEqual((attributes["model"], attributes["stage"], attributes["dt_ms"]), ("dynvision.model.rcnn", "test", "2"))
        self.assertEqual(json.loads(attributes["delays"])["t_recurrence"], 2.0)
        for key in ("manifest_sha256", "weights_sha256"):
            self.assertEqual(len(attributes[key]), 64)

    def test_a_reduced_recording_is_the_reduction_of_the_whole(self):
        magnitude = numpy.abs(self.npz["response_V1"]).reshape(N_TEST, N_STEPS, -1)[-5:, 1::2]
        self.assertEqual(self.small["response_V1_mean"].dtype, numpy.float16)
        numpy.testing.assert_array_equal(self.small["sample_index"], self.npz["sample_index"][-5:])
        numpy.testing.assert_array_equal(self.small["time_step"], [1, 3])
        numpy.testing.assert_allclose(self.small["response_V1_mean"], magnitude.mean(2), rtol=2e-3)
        numpy.testing.assert_allclose(self.small["response_V1_std"], magnitude.std(2, ddof=1), rtol=2e-3)

    def test_the_size_was_said_before_the_run(self):
        self.assertIn("up to 8 presentations x 4 time bins", self.log)
        size = os.path.getsize(os.path.join(self.folder, "responses", "responses_test.npz"))
        self.assertLess(abs(size / (N_TEST * N_STEPS * numpy.prod(LAYER) * 4) - 1), 0.25)  # a small file is mostly headers

    def test_xarray_reads_the_same(self):
        path = os.path.join(self.folder, "responses", "responses_test.h5")
        with xarray.open_dataset(path, engine="h5netcdf") as data:
            self.assertEqual(data["response_V1"].dims, ("presentation", "time_bin", "V1_channel", "V1_y", "V1_x"))
            for name in self.npz.files:
                if name != "attributes":
                    numpy.testing.assert_array_equal(data[name].values.astype(self.npz[name].dtype), self.npz[name], name)
            self.assertEqual(data.attrs["stage"], "test")
        with h5py.File(path) as file:
            self.assertTrue(file["time_bin"].is_scale)


class WeightsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder, _ = run(os.path.join(cls.temporary.name, "a"))
        cls.state = torch.load(os.path.join(cls.folder, "checkpoints", "last.ckpt"), weights_only=True)["state_dict"]

    def loss_with(self, name, path, *overrides):
        folder, log = run(os.path.join(self.temporary.name, name), f'weights.path="{path}"', 'run.stages=["test"]', *overrides)
        return test_loss(folder), log

    def save(self, name, value, **options):
        path = os.path.join(self.temporary.name, name)
        torch.save(value, path, **options)
        return path

    def test_safetensors_reads_what_was_trained(self):
        ours = safetensors.torch.load_file(os.path.join(self.folder, "trained.safetensors"))
        self.assertEqual(set(ours), set(self.state))
        for name, tensor in self.state.items():
            self.assertTrue(torch.equal(tensor, ours[name]), name)

    def test_every_format_gives_the_same_loss(self):
        expected = test_loss(self.folder)
        path = os.path.join(self.temporary.name, "theirs.safetensors")
        safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in self.state.items()}, path)
        paths = [os.path.join(self.folder, "checkpoints", "last.ckpt"), os.path.join(self.folder, "trained.safetensors"), path,
                 self.save("plain.pt", self.state), self.save("nested.pth", {"state_dict": self.state, "epoch": 3}),
                 self.save("old.pth", self.state, _use_new_zipfile_serialization=False)]
        for i, path in enumerate(paths):
            self.assertEqual(self.loss_with(f"format{i}", path)[0], expected, path)

    def test_names_are_translated(self):
        state = {f"module.{name.replace('V1', 'area')}": tensor for name, tensor in self.state.items()}
        path = self.save("translated.pt", {"model": state})
        loss, _ = self.loss_with("translated", path, 'weights.key="model"', 'weights.prefix="module."',
                                 'weights.translate=[{from = "area", to = "V1"}]')
        self.assertEqual(loss, test_loss(self.folder))

    def test_what_does_not_fit_is_named(self):
        state = dict(self.state)
        name = next(name for name, tensor in state.items() if tensor.dim() > 1)
        state[name] = torch.zeros(7, 7)
        with self.assertRaisesRegex(RuntimeError, f"'{name}' is \\[7, 7\\] in the file"):
            self.loss_with("misfit", self.save("misfit.pt", state))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
