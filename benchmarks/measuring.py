"""What the measuring scripts share: running dvhost, times per step, what is said of the machine."""
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
QUICKSTART = os.path.join(ROOT, "configs", "quickstart.toml")
WARM_UP = 5  # steps at the beginning that are not counted


def say_machine():
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} CPUs, load {load:.1f}", file=sys.stderr)
    if load > 0.3:
        print(f"warning: something else runs here (load {load:.1f}); times of this run compare with nothing", file=sys.stderr)


def summary(values):
    values = sorted(values)
    return f"{statistics.median(values):.4g} (min {values[0]:.4g}, max {values[-1]:.4g}, n {len(values)})"


def run_quickstart(dvhost, folder, n_steps, environment=None, overrides=()):
    """Trains n steps, logging each with its time. Gives what was printed, and the run's folder."""
    options = ["run.stages=[\"fit\"]", f'run.dir="{folder}"', f"trainer.max_steps={n_steps}", "trainer.log_every_n_steps=1",
               "trainer.limit_val_batches=0", "trainer.enable_progress_bar=false", "trainer.enable_checkpointing=false",
               "logger.0.type=jsonl", "logger.0.wall_time=true", *overrides]
    command = [dvhost, "run", QUICKSTART, *(part for option in options for part in ("-o", option))]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(environment or {})})
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout, re.search(r"run folder +(.+)", done.stdout)[1].strip()


def step_seconds(dvhost, n_steps, environment=None, overrides=()):
    """Seconds between the ends of one training step and the next, the first few left out."""
    with tempfile.TemporaryDirectory() as folder:
        _, run = run_quickstart(dvhost, folder, n_steps + WARM_UP, environment, overrides)
        with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as file:
            times = [row["wall_time"] for row in map(json.loads, file) if "train/loss" in row]
    return [after - before for before, after in zip(times, times[1:])][WARM_UP - 1:]


def first_step_seconds(dvhost):
    """From the start of the process to the end of its first training step, as the closing table tells."""
    with tempfile.TemporaryDirectory() as folder:
        printed, _ = run_quickstart(dvhost, folder, 1)
    return float(re.search(r"first step +([\d.]+) s after the start", printed)[1])


def plain_pytorch(python, *arguments):
    script = os.path.join(ROOT, "benchmarks", "plain_pytorch.py")
    return json.loads(subprocess.run([python, "-B", script, *arguments], check=True, capture_output=True, text=True).stdout)


def dynvision_python(venv=None):
    """The interpreter of the environment with DynVision 0.1.0 in it; made if none is named."""
    if venv:
        return os.path.join(venv, "bin", "python")
    make = os.path.join(ROOT, "tests", "readers", "environment.py")
    requirements = os.path.join(ROOT, "benchmarks", "temporal", "requirements.txt")
    made = subprocess.run([sys.executable, "-B", make, requirements], capture_output=True, text=True)
    if made.returncode != 0:
        sys.exit(f"{made.stderr}Or name an environment with dynvision 0.1.0: --venv")
    return made.stdout.strip()
