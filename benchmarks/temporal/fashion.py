"""One epoch of DyRCNNx2 on 10 000 Fashion-MNIST images by dvhost and by DynVision 0.1.0 with Lightning: accuracy and time.

    fashion.py <dvhost> [--venv DIR] [--lr 2e-4 2e-3] [--train N] [--test N] [--threads N] [--only dvhost|DynVision] [--json FILE]

dvhost runs configs/experiments/fashion_dyrcnn_x2.toml; batches of 64, 20 time steps, gradients clipped to a norm of 1, no
checkpoint, no progress bar on either side. The two draw their own initial weights and orders, so accuracies agree only roughly.
They run one after the other; DynVision takes some minutes per learning rate.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import measuring  # noqa: E402

CONFIG = os.path.join(measuring.ROOT, "configs", "experiments", "fashion_dyrcnn_x2.toml")
BATCH = 64


def finished(command, environment):
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def by_dvhost(options, lr, environment):
    with tempfile.TemporaryDirectory() as folder:
        overrides = [f'run.dir="{folder}"', f"data.limit={options.train}", f"trainer.limit_test_batches={options.test // BATCH}",
                     f"optimizer.lr={lr}", "trainer.enable_progress_bar=false", "trainer.enable_checkpointing=false"]
        if "FASHION_MNIST_DIR" in environment:
            overrides.append(f"data.path=\"{environment['FASHION_MNIST_DIR']}\"")
        began = time.monotonic()
        printed = finished([options.dvhost, "run", CONFIG, *(part for o in overrides for part in ("-o", o))], environment)
        seconds = time.monotonic() - began
    return {"accuracy": float(re.search(r"test/accuracy +([\d.]+)", printed)[1]),
            "fit_seconds": float(re.search(r"training +([\d.]+) s", printed)[1]), "seconds": seconds}


def by_dynvision(options, lr, environment):
    printed = finished([options.python, "-B", os.path.join(HERE, "dynvision_fashion.py"), "--train", str(options.train), "--test",
                        str(options.test), "--lr", str(lr), "--threads", str(options.threads)], environment)
    return json.loads(printed.splitlines()[-1])  # Lightning says something first


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dvhost")
    parser.add_argument("--venv", help="a Python environment with dynvision 0.1.0 in it; without: made once, in the cache")
    parser.add_argument("--lr", nargs="+", type=float, default=[2e-4, 2e-3])
    parser.add_argument("--train", type=int, default=10_000, help="images")
    parser.add_argument("--test", type=int, default=1984, help="images, in whole batches of 64")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", choices=["dvhost", "DynVision"], help="one side alone")
    parser.add_argument("--json", help="file for all numbers")
    options = parser.parse_args()
    sides = {"dvhost": by_dvhost, "DynVision": by_dynvision}
    if options.only:
        sides = {options.only: sides[options.only]}
    if "DynVision" in sides:
        options.python = measuring.dynvision_python(options.venv)
    measuring.say_machine()

    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:options.threads])
    environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads)}
    rows = []
    print(f"{'lr':>8} {'side':10} {'test accuracy':>13} {'training s':>10} {'process s':>10}", flush=True)
    for lr in options.lr:
        for side, run in sides.items():
            row = {"lr": lr, "side": side, "train": options.train, "test": options.test, "threads": options.threads,
                   **run(options, lr, environment)}
            print(f"{lr:8g} {side:10} {row['accuracy']:13.4f} {row['fit_seconds']:10.1f} {row['seconds']:10.1f}", flush=True)
            rows.append(row)
        if len(sides) == 2:
            theirs, ours = rows[-1], rows[-2]
            print(f"{'':8} {'ratio':10} {'':13} {theirs['fit_seconds'] / ours['fit_seconds']:10.2f} "
                  f"{theirs['seconds'] / ours['seconds']:10.2f}", flush=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
