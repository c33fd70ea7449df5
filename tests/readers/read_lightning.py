"""dvhost and Lightning go on from each other's checkpoints, and arrive where neither had stopped.

    read_lightning.py <dvhost> <folder of the plugin with the model "readout">
"""
import logging
import os
import subprocess
import sys
import tempfile
import unittest
import warnings

warnings.filterwarnings("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)

import numpy as np  # noqa: E402
import pytorch_lightning as pl  # noqa: E402
import torch  # noqa: E402

DVHOST, PLUGINS = sys.argv[1:3]
N, BATCH, CLASSES = 32, 8, 3
STEPS = N // BATCH

MANIFEST = """
[run]
name = "exchange"
stages = ["fit"]
[trainer]
accelerator = "cpu"
num_sanity_val_steps = 0
enable_progress_bar = false
log_every_n_steps = 1
[data]
type = "npy"
train = "frames.npy"
train_labels = "labels.npy"
batch_size = 8
shuffle = false
[model]
type = "readout"
[[loss]]
type = "cross_entropy"
[optimizer]
type = "adam"
lr = 1e-2
[schedule]
type = "step"
step_size = 1
gamma = 0.5
[[callback]]
type = "checkpoint"
every_n_train_steps = 1
save_top_k = -1
filename = "{step}"
[[logger]]
type = "csv"
"""


def frames_and_labels():
    generator = np.random.default_rng(5)
    return generator.standard_normal((N, 1, 4, 4), dtype=np.float32), generator.integers(0, CLASSES, N)


AVERAGING = """
[[callback]]
type = "weight_averaging"
"""
LBFGS = tuple(part for option in ('type="lbfgs"', "lr=0.5", "max_iter=4", "history_size=5") for part in ("-o", f"optimizer.{option}"))


class Readout(pl.LightningModule):
    def __init__(self, optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-2)):
        super().__init__()
        self.make_optimizer = optimizer
        self.weight = torch.nn.Parameter(torch.zeros(CLASSES, 16))
        self.bias = torch.nn.Parameter(torch.zeros(CLASSES))
        self.seen = []

    def forward(self, frames):
        return frames.flatten(1) @ self.weight.T + self.bias

    def training_step(self, batch, batch_idx):
        self.seen.append((self.current_epoch, batch_idx))
        return torch.nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self):
        optimizer = self.make_optimizer(self.parameters())
        return {"optimizer": optimizer, "lr_scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)}


class ExchangeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.TemporaryDirectory()
        cls.frames, cls.labels = frames_and_labels()
        np.save(cls.path("frames.npy"), cls.frames)
        np.save(cls.path("labels.npy"), cls.labels)
        with open(cls.path("m.toml"), "w", encoding="utf-8") as file:
            file.write(MANIFEST)
        with open(cls.path("averaging.toml"), "w", encoding="utf-8") as file:
            file.write(MANIFEST + AVERAGING)
        cls.whole = cls.dvhost("whole", 4)

    @classmethod
    def tearDownClass(cls):
        cls.home.cleanup()

    @classmethod
    def path(cls, *parts):
        return os.path.join(cls.home.name, *parts)

    @classmethod
    def dvhost(cls, name, epochs, *options, manifest="m.toml"):
        """The checkpoint of the run's last step."""
        done = subprocess.run(
            [DVHOST, "run", cls.path(manifest), "--plugin-path", PLUGINS, "-o", f'run.dir="{cls.path(name)}"', "-o",
             f"trainer.max_epochs={epochs}", *options], capture_output=True, text=True, env=dict(os.environ, OMP_NUM_THREADS="1"))
        if done.returncode != 0:
            raise RuntimeError(f"dvhost ended with {done.returncode}: {done.stderr}")
        return cls.path(name, "version_0", "checkpoints", f"step={epochs * STEPS}.ckpt")

    @classmethod
    def lightning(cls, epochs, ckpt=None, save=None, callbacks=(), **of_module):
        module = Readout(**of_module)
        data = torch.utils.data.TensorDataset(torch.from_numpy(cls.frames), torch.from_numpy(cls.labels))
        trainer = pl.Trainer(max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=bool(callbacks), enable_progress_bar=False,
                             enable_model_summary=False, default_root_dir=cls.home.name, callbacks=list(callbacks))
        trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=BATCH, shuffle=False), ckpt_path=ckpt)
        if save:
            trainer.save_checkpoint(save)
        return module, trainer

    def assert_weights(self, module, checkpoint, tolerance=1e-6):
        state = torch.load(checkpoint, weights_only=True)["state_dict"]
        for name, value in module.state_dict().items():
            self.assertLessEqual((value - state[name]).abs().max().item(), tolerance, name)

    def test_lightning_has_the_same_module(self):
        module = Readout.load_from_checkpoint(self.whole, strict=True)
        state = torch.load(self.whole, weights_only=True)["state_dict"]
        frames = torch.from_numpy(self.frames)
        expected = frames.flatten(1) @ state["weight"].T + state["bias"]
        self.assertLessEqual((module(frames) - expected).abs().max().item(), 1e-6)

    def test_lightning_goes_on_from_the_end_of_an_epoch(self):
        half = self.dvhost("half", 2)
        module, trainer = self.lightning(4, half)
        self.assertEqual(trainer.global_step, 4 * STEPS)
        self.assertEqual(trainer.current_epoch, 4)
        self.assertEqual(len(module.seen), 2 * STEPS)
        self.assertAlmostEqual(trainer.optimizers[0].param_groups[0]["lr"], 1e-2 / 16)
        self.assert_weights(module, self.whole)

    def test_lightning_goes_on_within_an_epoch(self):
        self.dvhost("middle", 2)
        module, trainer = self.lightning(2, self.path("middle", "version_0", "checkpoints", "step=6.ckpt"))
        self.assertEqual(module.seen, [(1, 2), (1, 3)])
        self.assertEqual(trainer.global_step, 2 * STEPS)

    def test_dvhost_goes_on_from_lightnings_file(self):
        start = self.dvhost("start", 1)
        file = self.path("lightning.ckpt")
        self.lightning(2, start, save=file)
        end, _ = self.lightning(4, start)
        resumed = self.dvhost("resumed", 4, "--ckpt", file)
        self.assert_weights(end, resumed)
        self.assert_weights(end, self.whole)

    def test_lbfgs_goes_on_in_either(self):
        def lbfgs(parameters):
            return torch.optim.LBFGS(parameters, lr=0.5, max_iter=4, history_size=5)

        # One epoch on: rounding grows fast from step to step, and without the state the weights come out more than 1 apart.
        whole = self.dvhost("lbfgs", 3, *LBFGS)
        half = self.dvhost("lbfgs_half", 2, *LBFGS)
        module, trainer = self.lightning(3, half, optimizer=lbfgs)
        self.assertEqual(trainer.global_step, 3 * STEPS)
        self.assert_weights(module, whole, 1e-4)
        file = self.path("lbfgs.ckpt")
        self.lightning(2, self.dvhost("lbfgs_start", 1, *LBFGS), save=file, optimizer=lbfgs)
        self.assertGreater(len(torch.load(file, weights_only=True)["optimizer_states"][0]["state"][0]["old_dirs"]), 1)
        self.assert_weights(module, self.dvhost("lbfgs_resumed", 3, *LBFGS, "--ckpt", file), 1e-4)

    def test_an_average_of_the_weights_goes_on_in_either(self):
        averaging = {"manifest": "averaging.toml"}
        whole = self.dvhost("averaged", 4, **averaging)
        saved = torch.load(whole, weights_only=True)
        self.assertEqual(int(saved["averaging_state"]["n_averaged"]), 4 * STEPS)
        plain = torch.load(self.whole, weights_only=True)["state_dict"]
        for name, value in saved["current_model_state"].items():
            self.assertTrue(torch.equal(value, plain[name]), name)
        half = self.dvhost("averaged_half", 2, **averaging)
        module, _ = self.lightning(4, half, callbacks=[pl.callbacks.WeightAveraging()])
        self.assert_weights(module, whole)
        keep_all = pl.callbacks.ModelCheckpoint(dirpath=self.path("averaging"), every_n_train_steps=1, save_top_k=-1, filename="{step}")
        self.lightning(2, self.dvhost("averaged_start", 1, **averaging), callbacks=[pl.callbacks.WeightAveraging(), keep_all])
        file = self.path("averaging", f"step={2 * STEPS}.ckpt")
        self.assertIn("current_model_state", torch.load(file, weights_only=True))
        self.assert_weights(module, self.dvhost("averaged_resumed", 4, "--ckpt", file, **averaging))

    def test_it_holds_what_lightning_expects(self):
        checkpoint = torch.load(self.whole, weights_only=True)
        self.assertEqual(checkpoint["epoch"], 3)
        self.assertEqual(checkpoint["global_step"], 4 * STEPS)
        fit = checkpoint["loops"]["fit_loop"]
        self.assertEqual(set(checkpoint["loops"]), {"fit_loop", "validate_loop", "test_loop", "predict_loop"})
        self.assertEqual(fit["epoch_loop.batch_progress"]["current"]["ready"], STEPS)
        self.assertEqual(checkpoint["lr_schedulers"][0]["last_epoch"], 4)
        self.assertEqual(checkpoint["hyper_parameters"]["type"], "example.model.readout")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
