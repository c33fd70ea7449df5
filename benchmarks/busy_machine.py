"""How much slower a training step gets when another process keeps a CPU busy, by how long OpenMP's idle threads spin.

    busy_machine.py <dvhost> [--steps N] [--repeat N] [--busy N]

dvhost sets GOMP_SPINCOUNT unless somebody has (host/main.cpp). Each row is one setting: a step's time alone, with N other busy
processes, and their ratio. A good default has a ratio near 1 + N/CPUs and costs nothing alone.
"""
import argparse
import contextlib
import os
import statistics
import subprocess
import sys

import measuring

# None: as dvhost starts by default. 300000 is what libgomp takes when nobody says anything.
SETTINGS = {
    "dvhost's default": {},
    "libgomp's own default": {"GOMP_SPINCOUNT": "300000"},
    "no spinning": {"GOMP_SPINCOUNT": "0"},
    "spin 1000": {"GOMP_SPINCOUNT": "1000"},
    "spin 10000": {"GOMP_SPINCOUNT": "10000"},
    "spin 100000": {"GOMP_SPINCOUNT": "100000"},
    "spin for ever": {"OMP_WAIT_POLICY": "active"},
}


@contextlib.contextmanager
def busy(n):
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dvhost")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--busy", type=int, default=1)
    arguments = parser.parse_args()
    measuring.say_machine()
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        os.environ.pop(name, None)

    seconds = {(name, n): [] for name in SETTINGS for n in (0, arguments.busy)}
    for _ in range(arguments.repeat):  # in turn, so that a change of the machine hits all
        for name, environment in SETTINGS.items():
            for n in (0, arguments.busy):
                with busy(n):
                    seconds[name, n] += measuring.step_seconds(arguments.dvhost, arguments.steps, environment)

    print(f"{'setting':24} {'alone':>10} {f'{arguments.busy} busy':>10} {'ratio':>7}   ms per step, medians")
    for name in SETTINGS:
        alone, beside = (1e3 * statistics.median(seconds[name, n]) for n in (0, arguments.busy))
        print(f"{name:24} {alone:10.2f} {beside:10.2f} {beside / alone:7.2f}")


if __name__ == "__main__":
    main()
