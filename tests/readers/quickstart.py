"""Trains configs/smoke/tiny.toml with one of its loggers swapped for another, for the scripts that read what that one writes.

Their arguments: the plugin's test program, dvhost, and the manifest (whose logger.1 is jsonl).
"""
import json
import os
import subprocess
import sys


def launch(folder, logger, *overrides):
    """The program, running."""
    dvhost, manifest = sys.argv[2:4]
    options = [part for override in (f'run.dir="{folder}"', f'logger.0.type="{logger}"', *overrides) for part in ("-o", override)]
    return subprocess.Popen([dvhost, "run", manifest, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=dict(os.environ, OMP_NUM_THREADS="1"))


def start(folder, logger, *overrides):
    """The finished program, and the run's folder."""
    process = launch(folder, logger, *overrides)
    out, err = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err), os.path.join(folder, "version_0")


def rows_of(version):
    """What a run logged: tuples of step, name and value, epoch left out."""
    rows = []
    with open(os.path.join(version, "metrics.jsonl"), encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            step = row.pop("step", None)
            rows += [(step, name, float(value)) for name, value in row.items() if name != "epoch"]
    return rows


def run(folder, logger, *overrides):
    """The run's folder and its rows."""
    done, version = start(folder, logger, *overrides)
    if done.returncode != 0:
        raise RuntimeError(f"dvhost run ended with {done.returncode}: {done.stderr}")
    return version, rows_of(version)


def files_with(folder, word):
    """The files below a folder that hold a word."""
    found = []
    for above, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(above, name)
            with open(path, "rb") as file:
                if word.encode() in file.read():
                    found.append(path)
    return found
