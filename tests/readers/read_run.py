"""Runs a manifest with dvhost and reads everything it wrote: checkpoints with PyTorch, metrics with csv and json.

    read_run.py <dvhost> <manifest> <version of PyTorch>
"""
import csv
import glob
import json
import math
import os
import subprocess
import sys
import tempfile
import unittest
import warnings

warnings.filterwarnings("ignore", message=".*NumPy.*")

import torch  # noqa: E402

import checkpoint_bytes  # noqa: E402

DVHOST, MANIFEST, TORCH_VERSION = sys.argv[1:4]
N_STEPS = 4
KEYS = {"epoch", "global_step", "pytorch-lightning_version", "state_dict", "loops", "callbacks", "optimizer_states", "lr_schedulers",
        "hparams_name", "hyper_parameters", "datamodule_hparams_name", "datamodule_hyper_parameters", "dvhost"}
RESUME_KEYS = {"optimizer_states", "lr_schedulers"}


def run(folder, *overrides):
    options = [part for override in (f'run.dir="{folder}"', *overrides) for part in ("-o", override)]
    done = subprocess.run([DVHOST, "run", MANIFEST, *options], capture_output=True, text=True,
                          env=dict(os.environ, OMP_NUM_THREADS="1"))
    if done.returncode != 0:
        raise RuntimeError(f"dvhost run ended with {done.returncode}: {done.stderr}")
    return os.path.join(folder, "version_0")


def load(path):
    return torch.load(path, weights_only=True)


def flat(value):
    return value.flatten().tolist()


def module_from(state):
    """A torch module whose parameters and buffers have these names and shapes, all zero."""
    root = torch.nn.Module()
    for name, tensor in state.items():
        *path, leaf = name.split(".")
        module = root
        for part in path:
            if part not in module._modules:
                module.add_module(part, torch.nn.Module())
            module = module._modules[part]
        module.register_buffer(leaf, torch.zeros_like(tensor))
    return root


class CheckpointTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder = run(os.path.join(cls.temporary.name, "all"))
        cls.path = os.path.join(cls.folder, "checkpoints", "last.ckpt")
        cls.file = load(cls.path)

    def adam(self):
        """torch's Adam over zeros of the trained tensors' shapes, with the file's state (which it goes on to change)."""
        saved = load(self.path)["optimizer_states"][0]
        state = saved["state"]
        parameters = [torch.nn.Parameter(torch.zeros(state[i]["exp_avg"].shape)) for i in sorted(state)]
        optimizer = torch.optim.Adam(parameters, lr=123.0)
        optimizer.load_state_dict(saved)
        return optimizer, parameters

    def test_is_read_by_the_version_that_dvhost_is_built_with(self):
        self.assertEqual(torch.__version__.split("+")[0], TORCH_VERSION)

    def test_has_lightnings_keys(self):
        self.assertEqual(set(self.file) - KEYS, set())
        self.assertEqual(KEYS - {"loops", "hparams_name", "datamodule_hparams_name", "datamodule_hyper_parameters"} - set(self.file),
                         set())
        self.assertEqual((self.file["epoch"], self.file["global_step"]), (0, N_STEPS))
        self.assertEqual(self.file["pytorch-lightning_version"], "2.6.0")
        self.assertEqual(self.file["hyper_parameters"]["type"], "dynvision.model.rcnn")

    def test_tensors_equal_a_reading_without_torch(self):
        ours = checkpoint_bytes.read(self.path)["state_dict"]
        self.assertEqual(list(ours), list(self.file["state_dict"]))
        self.assertGreater(len(ours), 4)
        for name, tensor in self.file["state_dict"].items():
            self.assertEqual(tuple(tensor.shape), ours[name].shape, name)
            self.assertEqual(flat(tensor), ours[name].values, name)
            self.assertTrue(all(math.isfinite(v) for v in flat(tensor)), name)

    def test_a_module_takes_the_state_dict(self):
        module = module_from(self.file["state_dict"])
        module.load_state_dict(self.file["state_dict"], strict=True)
        for name, tensor in module.state_dict().items():
            self.assertTrue(torch.equal(tensor, self.file["state_dict"][name]), name)

    def test_adam_takes_its_state(self):
        optimizer, parameters = self.adam()
        group = optimizer.param_groups[0]
        self.assertEqual((group["lr"], tuple(group["betas"]), group["eps"]), (1e-2, (0.9, 0.999), 1e-8))
        trained = [t for t in self.file["state_dict"].values() if t.is_floating_point() and t.dim() > 0]
        self.assertEqual([tuple(p.shape) for p in parameters], [tuple(t.shape) for t in trained])
        for parameter in parameters:
            self.assertEqual(float(optimizer.state[parameter]["step"]), N_STEPS)
            self.assertTrue((optimizer.state[parameter]["exp_avg_sq"] >= 0).all())
        self.assertTrue(any(optimizer.state[p]["exp_avg"].any() for p in parameters))

    def test_adam_goes_on_from_its_state(self):
        """With zero gradients, step n+1 moves by -lr m' / (sqrt(v') + eps), m' and v' decayed and corrected for bias."""
        optimizer, parameters = self.adam()
        before = self.file["optimizer_states"][0]["state"]
        for parameter in parameters:
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        for i, parameter in enumerate(parameters):
            m = 0.9 * before[i]["exp_avg"] / (1 - 0.9 ** (N_STEPS + 1))
            v = 0.999 * before[i]["exp_avg_sq"] / (1 - 0.999 ** (N_STEPS + 1))
            torch.testing.assert_close(parameter.data, -1e-2 * m / (v.sqrt() + 1e-8), rtol=1e-5, atol=1e-9)

    def test_the_best_file_is_the_last_one(self):
        """One epoch: both were saved at the same moment."""
        best, = glob.glob(os.path.join(self.folder, "checkpoints", "epoch=*.ckpt"))
        for name, tensor in load(best)["state_dict"].items():
            self.assertTrue(torch.equal(tensor, self.file["state_dict"][name]), name)

    def test_weights_only_leaves_out_what_resuming_needs(self):
        folder = run(os.path.join(self.temporary.name, "weights"), "callback.0.save_weights_only=true")
        file = load(os.path.join(folder, "checkpoints", "last.ckpt"))
        self.assertEqual(RESUME_KEYS & set(file), set())
        for name, tensor in file["state_dict"].items():
            self.assertTrue(torch.equal(tensor, self.file["state_dict"][name]), name)


class MetricsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as temporary:
            folder = run(temporary)
            with open(os.path.join(folder, "metrics.csv"), newline="", encoding="utf-8") as file:
                cls.table = list(csv.DictReader(file, strict=True))
            with open(os.path.join(folder, "metrics.jsonl"), encoding="utf-8") as file:
                cls.lines = [json.loads(line) for line in file]

    def test_csv_and_json_lines_hold_the_same_numbers(self):
        numbers = [{key: float(value) for key, value in row.items() if value} for row in self.table]
        self.assertEqual(numbers, [{key: float(value) for key, value in line.items()} for line in self.lines])

    def test_every_step_has_a_finite_loss(self):
        losses = [row["train/loss"] for row in self.lines if "train/loss" in row]
        self.assertEqual(len(losses), N_STEPS)
        self.assertTrue(all(math.isfinite(v) for v in losses))
        self.assertEqual([row["step"] for row in self.lines if "train/loss" in row], list(range(N_STEPS)))

    def test_every_stage_reports(self):
        names = {name for line in self.lines for name in line}
        self.assertLessEqual({"val/loss", "val/accuracy", "test/loss", "test/accuracy"}, names)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
