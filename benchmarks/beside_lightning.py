"""The trainer's own cost per step and its start, dvhost and Lightning 2.6.6 in turn.

    beside_lightning.py <bench_loop_overhead> <dvhost> <Python with Lightning> [--rounds 3]

The Python comes from tests/readers/environment.py with requirements-lightning.txt. Per step, in µs: Lightning's fit of a trivial model less
the same steps written by hand, bare and with a CSV logger and one logged value per step; dvhost's is `own` of bench_loop_overhead, without
rows and with a row per step. Start, in s: from the start of the process to the first finished step.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

CHILD = r"""
import json, logging, os, sys, tempfile, time, warnings
warnings.filterwarnings("ignore"); logging.disable(logging.WARNING)
import torch, pytorch_lightning as pl
torch.set_num_threads(1)
what, steps, began = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])

class Net(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.first = None
    def training_step(self, batch, index):
        loss = self.layer(batch).mean()
        if what == "logging":
            self.log("loss", loss)
        return loss
    def on_train_start(self):
        self.start = time.perf_counter()
    def on_train_batch_end(self, *_):
        self.first = self.first or time.time() - began
    def on_train_end(self):
        self.seconds = time.perf_counter() - self.start
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 1e-9)

class Data:
    def __len__(self):
        return steps
    def __iter__(self):
        return iter([torch.ones(4, 1)] * steps)

data = Data()
net = Net()
logger = pl.loggers.CSVLogger(tempfile.mkdtemp()) if what == "logging" else False
trainer = pl.Trainer(max_epochs=1, logger=logger, log_every_n_steps=1, enable_progress_bar=False, enable_checkpointing=False,
                     enable_model_summary=False, accelerator="cpu", barebones=False)
trainer.fit(net, data)
net2, optimizer = torch.nn.Linear(1, 1), None
optimizer = torch.optim.SGD(net2.parameters(), 1e-9)
start = time.perf_counter()
for batch in data:
    optimizer.zero_grad(); net2(batch).mean().backward(); optimizer.step()
by_hand = time.perf_counter() - start
print(json.dumps({"own": (net.seconds - by_hand) / steps * 1e6, "start": net.first}))
"""


def lightning(python, what, steps):
    done = subprocess.run([python, "-B", "-c", CHILD, what, str(steps), repr(time.time())], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def dvhost(program):
    done = subprocess.run([program, "--benchmark_filter=fit", "--benchmark_format=json"], capture_output=True, text=True, check=True,
                          env=dict(os.environ, OMP_NUM_THREADS="1"))
    found = {b["name"]: b["own"] for b in json.loads(done.stdout)["benchmarks"]}
    pick = lambda key: next(v for k, v in found.items() if key in k)  # noqa: E731
    return {"bare": pick("metrics:0/log_every:0/callbacks:0"), "logging": pick("metrics:1/log_every:1/callbacks:0")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("bench", "dvhost", "python"):
        parser.add_argument(name)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    theirs, ours = {"bare": [], "logging": [], "start": []}, {"bare": [], "logging": []}
    for _ in range(options.rounds):
        for name, value in dvhost(options.bench).items():
            ours[name].append(value)
        for what in ("bare", "logging"):
            got = lightning(options.python, what, 2000)
            theirs[what].append(got["own"])
            theirs["start"].append(got["start"])
    for what in ("bare", "logging"):
        a, b = statistics.median(ours[what]), statistics.median(theirs[what])
        print(f"{what:8} dvhost {a:7.1f} us/step   Lightning {b:7.1f} us/step   ratio {b / a:6.1f}")
    print(f"start    Lightning {statistics.median(theirs['start']):.2f} s to the first finished step of this net (dvhost: first_step.py)")


if __name__ == "__main__":
    main()
