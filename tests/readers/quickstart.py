"""Trains configs/smoke/tiny.toml with one of its loggers swapped for another, for the scripts that read what that one writes.

Their arguments: the plugin's test program, dvhost, and the manifest (whose logger.1 is jsonl).
"""
import json
import os
import subprocess
import sys


def run(folder, logger, *overrides):
    """Returns the run's folder and its rows: tuples of step, name and value, epoch left out."""
    dvhost, manifest = sys.argv[2:4]
    options = [part for override in (f'run.dir="{folder}"', f'logger.0.type="{logger}"', *overrides) for part in ("-o", override)]
    done = subprocess.run([dvhost, "run", manifest, *options], capture_output=True, text=True,
                          env=dict(os.environ, OMP_NUM_THREADS="1"))
    if done.returncode != 0:
        raise RuntimeError(f"dvhost run ended with {done.returncode}: {done.stderr}")
    version = os.path.join(folder, "version_0")
    rows = []
    with open(os.path.join(version, "metrics.jsonl"), encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            step = row.pop("step", None)
            rows += [(step, name, float(value)) for name, value in row.items() if name != "epoch"]
    return version, rows
