"""The same rows as training_thread.cpp, into Lightning's loggers: FOLDER STEPS PAUSE_MS csv|tensorboard; one line of JSON.

A row is what Lightning's trainer does for one: log_metrics(), then save()."""
import json
import os
import sys
import time

from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

SCALARS = 1000


def bytes_below(folder):
    return sum(os.path.getsize(os.path.join(place, name)) for place, _, names in os.walk(folder) for name in names)


folder, steps, pause, kind = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]) / 1000, sys.argv[4]
logger = {"csv": CSVLogger, "tensorboard": TensorBoardLogger}[kind](folder, name="", version="")
names = [f"train/metric_{i}" for i in range(SCALARS)]
wall, cpu, began = [], 0.0, time.monotonic()
for step in range(steps):
    row = {name: 1.0 / (1 + step + i) for i, name in enumerate(names)}
    c, w = time.thread_time(), time.monotonic()
    logger.log_metrics(row, step=step)
    logger.save()
    wall.append(time.monotonic() - w)
    cpu += time.thread_time() - c
    time.sleep(pause)
logger.finalize("success")
wall.sort()
print(json.dumps({"scalars": steps * SCALARS, "cpu_ns": 1e9 * cpu / steps / SCALARS, "p50_ns": 1e9 * wall[len(wall) // 2] / SCALARS,
                  "p99_ns": 1e9 * wall[int(0.99 * (len(wall) - 1))] / SCALARS, "max_ns": 1e9 * wall[-1] / SCALARS,
                  "all_delivered_s": time.monotonic() - began, "bytes": bytes_below(folder)}))
