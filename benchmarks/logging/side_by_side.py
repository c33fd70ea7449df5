"""What logging 1000 scalars a step costs the training thread: our loggers and Lightning's, in turn, several times; medians of the rounds.

    side_by_side.py <bench_logging> <python with Lightning and TensorBoard> [--steps 200] [--pause MS] [--rounds N]
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile

OURS = [["csv"], ["jsonl"], ["sqlite"], ["tensorboard"], ["csv", "tensorboard"]]
THEIRS = ["csv", "tensorboard"]

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("program")
arguments.add_argument("python")
arguments.add_argument("--steps", type=int, default=200)
arguments.add_argument("--pause", type=float, default=10, help="between two rows [ms], as if something trained")
arguments.add_argument("--rounds", type=int, default=3)
given = arguments.parse_args()


def measure(command, loggers):
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run([*command, os.path.join(folder, "run"), str(given.steps), str(int(given.pause)), *loggers], check=True,
                             capture_output=True, text=True)
    return json.loads(run.stdout)


script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lightning_loggers.py")
rounds = []
for _ in range(given.rounds):
    rounds.append({("Lightning", kind): measure([given.python, "-W", "ignore", script], [kind]) for kind in THEIRS})
    rounds[-1] |= {("dvhost", *loggers): measure([given.program], loggers) for loggers in OURS}
medians = {who: {key: statistics.median(r[who][key] for r in rounds) for key in rounds[0][who]} for who in rounds[0]}
lightning = {kind: medians["Lightning", kind] for kind in THEIRS}
print(f"{'':28}{'CPU':>12}{'median':>12}{'99 %':>12}{'bytes':>10}{'times less CPU than Lightning':>32}")
for kind in THEIRS:
    t = lightning[kind]
    print(f"{'Lightning ' + kind:28}{t['cpu_ns']:9.1f} ns{t['p50_ns']:9.1f} ns{t['p99_ns']:9.1f} ns{t['bytes'] / t['scalars']:10.1f}")
for loggers in OURS:
    t = medians["dvhost", *loggers]
    less = ", ".join(f"{lightning[k]['cpu_ns'] / t['cpu_ns']:.0f} ({k})" for k in loggers if k in lightning)
    print(f"{'dvhost ' + ' + '.join(loggers):28}{t['cpu_ns']:9.1f} ns{t['p50_ns']:9.1f} ns{t['p99_ns']:9.1f} ns{t['bytes'] / t['scalars']:10.1f}{less:>32}", flush=True)
