"""A training step of DyRCNN networks in dvhost and in DynVision 0.1.0, in turn, on the same threads, weights and images.

    side_by_side.py <dv_bench_step> [--venv DIR] [--model x4 ...] [--size 32 ...] [--batch 16 ...] [--cases all] [--json FILE] ...

A step is: forward over all time steps, cross-entropy beyond the reaction time, accuracy, backward, Adam with weight decay
5e-4 and groups x1 and x0.2, and the loss as a number. All processes of a case are alive together; one steps, the others
wait. Every loss is compared; sides that do not compute the same are named, and the program ends with 1. The peak is VmHWM
less what was resident before the first step; "data" is that without the pages of program files that the steps were the first
to touch.

DynVision's environment is made once in the cache (tests/readers/environment.py), or is --venv.
"""
import argparse
import contextlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import measuring  # noqa: E402

# Both compute in float32 and add in different orders; Adam's division by small gradients widens that from step to step.
TOLERANCE = 1e-5        # of the first loss, relative
TOLERANCE_LATER = 2e-3  # of all others
PAUSE = 0.05  # [s] between steps: until the threads of the process before have stopped spinning
ALL_CASES = [("x4", 8), ("x4", 16), ("x4", 32), ("x4", 64), ("x8", 8), ("x8", 16), ("x8", 32), ("x8", 64)]


def dvhost_case(case, options):
    """A case as dv_bench_step takes it."""
    return {
        "threads": options.threads, "plan": options.plan, "channels": options.channels, "size": case["size"],
        "batch": case["batch"], "n_classes": 10,
        "model": {"type": "dyrcnn_" + case["model"], "n_timesteps": options.timesteps, "loss_reaction_time": 4.0},
        "loss": {"type": "cross_entropy"},
        "metric": {"type": "accuracy"},
        "optimizer": {"type": "adam", "lr": 2e-4, "weight_decay": 5e-4,
                      "groups": [{"name": "recurrence", "match": "*.recurrence.*", "lr_factor": 0.2}]},
    }


def dynvision_case(case, options, best):
    return {"model": case["model"], "timesteps": options.timesteps, "channels": options.channels, "size": case["size"],
            "batch": case["batch"], "n_classes": 10, "threads": options.threads, "channels_last": best, "fused_adam": best}


class Side:
    """A process that waits to be told to step."""

    def __init__(self, name, command, environment):
        self.name = name
        self.seconds, self.losses = [], []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.parameters = self._read()["parameters"]

    def _read(self):
        for line in self.process.stdout:
            if line.startswith("{"):  # libraries may have something to say, too
                return json.loads(line)
        sys.exit(f"{self.name} ended with {self.process.wait()}")

    def ask(self, request):
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        return self._read()

    def step(self):
        answer = self.ask("step")
        self.seconds.append(answer["seconds"])
        self.losses.append(answer["loss"])

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def busy_seconds():
    """CPU time of the whole machine that was not idle."""
    with open("/proc/stat", encoding="utf-8") as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def environment_of(options):
    environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads)}
    for name in ("MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "DVHOST_STARTED_AT"):
        environment.pop(name, None)
    if options.spin is not None:
        environment["GOMP_SPINCOUNT"] = str(options.spin)
    return environment


def start_sides(case, options, stack):
    worker = os.path.join(HERE, "dynvision_step.py")
    commands = {"dvhost": [options.program, json.dumps(dvhost_case(case, options))]}
    for name, best in (("DynVision", False), ("DynVision, channels_last, fused Adam", True)):
        commands[name] = [options.python, "-B", worker, json.dumps(dynvision_case(case, options, best))]
    if options.no_best:
        commands.popitem()
    sides = []
    for name, command in commands.items():
        side = Side(name, command, environment_of(options))
        stack.callback(side.close)
        if sides and side.parameters != sides[0].parameters:
            differing = sorted(set(map(str, side.parameters.items())) ^ set(map(str, sides[0].parameters.items())))
            sys.exit(f"{sides[0].name} and {name} do not have the same parameters; differing: {', '.join(differing)}")
        sides.append(side)
    return sides


def loss_differences(side, reference):
    """Relative, step by step; and what is wrong with them, or nothing."""
    differences = [abs(a - b) / abs(b) for a, b in zip(side.losses, reference.losses)]
    for step, difference in enumerate(differences):
        if not difference <= (TOLERANCE if step == 0 else TOLERANCE_LATER):
            return differences, (f"{reference.name} and {side.name} do not compute the same: the loss of step {step} is "
                                 f"{reference.losses[step]} and {side.losses[step]}")
    return differences, None


def measure(case, options):
    with contextlib.ExitStack() as stack:
        sides = start_sides(case, options, stack)
        wall = others = 0.0
        for step in range(options.warm_up + options.steps):
            for side in sides:
                time.sleep(PAUSE)
                marks = time.monotonic(), busy_seconds() - side.cpu_seconds()
                side.step()
                if step >= options.warm_up:
                    wall += time.monotonic() - marks[0]
                    others += busy_seconds() - side.cpu_seconds() - marks[1]
        ours = sides[0].seconds[options.warm_up:]
        rows = []
        for side in sides:
            memory, seconds = side.ask("memory"), side.seconds[options.warm_up:]
            differences, problem = loss_differences(side, sides[0])
            rows.append({**case, "side": side.name, "min_ms": 1e3 * min(seconds), "median_ms": 1e3 * statistics.median(seconds),
                         "ratio_of_mins": min(seconds) / min(ours),
                         "median_ratio": statistics.median(s / o for s, o in zip(seconds, ours)),
                         "peak_mb": memory["peak_mb"] - memory["before_mb"], "code_mb": memory["code_mb"],
                         "resident_before_mb": memory["before_mb"],
                         "loss_first": side.losses[0], "loss_last": side.losses[-1], "loss_differences": differences,
                         "problem": problem, "other_cpus_busy": max(0.0, others / wall)})
        return rows


HEADER = (f"{'network':10} {'side':36} {'min ms':>9} {'median ms':>9} {'min/min':>8} {'median':>8} {'peak MB':>8} {'data MB':>8} "
          f"{'first loss':>11} {'off by':>8} {'to':>8}")


def table_line(row):
    network = f"{row['model']} {row['size']}/{row['batch']}"
    differences = row["loss_differences"]
    return (f"{network:10} {row['side']:36} {row['min_ms']:9.1f} {row['median_ms']:9.1f} {row['ratio_of_mins']:8.2f} "
            f"{row['median_ratio']:8.2f} {row['peak_mb']:8.1f} {row['peak_mb'] - row['code_mb']:8.1f} {row['loss_first']:11.7f} "
            f"{differences[0]:8.0e} {max(differences):8.0e}")


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="dv_bench_step of the build")
    parser.add_argument("--venv", help="a Python environment with dynvision 0.1.0 in it; without: made once, in the cache")
    parser.add_argument("--model", nargs="+", choices=["x2", "x4", "x8"], default=["x4"])
    parser.add_argument("--size", nargs="+", type=int, default=[32], help="pixels per side")
    parser.add_argument("--batch", nargs="+", type=int, default=[16])
    parser.add_argument("--cases", choices=["all"], help="all: x4 and x8 at 8, 16, 32 and 64 pixels, batches of 1 and 16")
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--timesteps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--steps", type=int, default=10, help="measured ones")
    parser.add_argument("--warm-up", type=int, default=2, help="steps before them")
    parser.add_argument("--plan", choices=["fast", "reference"], default="fast", help="of dvhost's engine")
    parser.add_argument("--spin", type=int, help="GOMP_SPINCOUNT of all; without: each has its own default")
    parser.add_argument("--no-best", action="store_true", help="leave out the row of DynVision's best settings")
    parser.add_argument("--json", help="file for all numbers")
    options = parser.parse_args()
    options.python = measuring.dynvision_python(options.venv)
    return options


def main():
    options = parsed()
    measuring.say_machine()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:options.threads])  # the sides inherit it
    networks = ALL_CASES if options.cases else list(itertools.product(options.model, options.size))
    batches = [1, 16] if options.cases else options.batch
    print(f"{options.threads} threads, {options.timesteps} time steps, plan {options.plan}, {options.steps} steps in turn; losses "
          f"may differ by {TOLERANCE:g} at the first step, {TOLERANCE_LATER:g} later (relative)\n{HEADER}", flush=True)
    rows = []
    for (model, size), batch in itertools.product(networks, batches):
        of_case = measure({"model": model, "size": size, "batch": batch}, options)
        print("\n".join(map(table_line, of_case)), flush=True)
        if of_case[0]["other_cpus_busy"] > 0.1:
            print(f"  beside other work that took {of_case[0]['other_cpus_busy']:.1f} CPUs", flush=True)
        rows += of_case
    problems = [row["problem"] for row in rows if row["problem"]]
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"threads": options.threads, "timesteps": options.timesteps, "plan": options.plan, "spin": options.spin,
                       "rows": rows}, file, indent=1)
    sys.exit("\n".join(problems) if problems else 0)


if __name__ == "__main__":
    main()
