"""configs/quickstart.toml by dvhost and by plain PyTorch, in turn, on the same threads: time of a training step.

    side_by_side.py <dvhost> <python> [--steps N] [--repeat N] [--threads N]

<python> is what tests/readers/environment.py prints. Before anything is timed, both must compute the same: dvhost's weights after
a few steps, scored by both.
"""
import argparse
import glob
import json
import os
import statistics
import sys
import tempfile

import measuring


def check_same_network(dvhost, python):
    with tempfile.TemporaryDirectory() as folder:
        _, run = measuring.run_quickstart(dvhost, folder, 5, overrides=['run.stages=["fit", "test"]', "trainer.enable_checkpointing=true"])
        checkpoint, = glob.glob(os.path.join(run, "checkpoints", "*.ckpt"))
        theirs = measuring.plain_pytorch(python, "score", checkpoint)
        with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as file:
            ours = [json.loads(line) for line in file][-1]
    for key in ("loss", "accuracy"):
        if abs(ours[f"test/{key}"] - theirs[key]) > 1e-4 * abs(theirs[key]):
            sys.exit(f"the two do not compute the same: test {key} is {ours[f'test/{key}']} here, {theirs[key]} in PyTorch")
    print(f"same network: test loss {ours['test/loss']:.6f} and {theirs['loss']:.6f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dvhost")
    parser.add_argument("python")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    measuring.say_machine()
    check_same_network(arguments.dvhost, arguments.python)

    threads = {"OMP_NUM_THREADS": str(arguments.threads)}
    ours, theirs = [], []
    for _ in range(arguments.repeat):
        ours.append(statistics.median(measuring.step_seconds(arguments.dvhost, arguments.steps, threads)))
        measured = measuring.plain_pytorch(arguments.python, "train", "--steps", str(arguments.steps + measuring.WARM_UP),
                                           "--threads", str(arguments.threads))
        theirs.append(statistics.median(measured["seconds"][measuring.WARM_UP:]))
    print(f"ms per step of 64 images, {arguments.threads} threads, medians of {arguments.steps} steps:")
    print(f"dvhost         {measuring.summary([1e3 * s for s in ours])}")
    print(f"plain PyTorch  {measuring.summary([1e3 * s for s in theirs])}")
    print(f"ratio          {measuring.summary([t / o for o, t in zip(ours, theirs)])}")


if __name__ == "__main__":
    main()
