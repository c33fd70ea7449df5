"""From the start of the process to the end of the first training step of configs/quickstart.toml, data in the page cache.

    first_step.py <dvhost> [--python INTERPRETER] [--repeat N]

With --python (what tests/readers/environment.py prints), plain PyTorch runs in turn with dvhost.
"""
import argparse

import measuring


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dvhost")
    parser.add_argument("--python")
    parser.add_argument("--repeat", type=int, default=7)
    arguments = parser.parse_args()
    measuring.say_machine()

    programs = {"dvhost": lambda: measuring.first_step_seconds(arguments.dvhost)}
    if arguments.python:
        programs["plain PyTorch"] = lambda: measuring.plain_pytorch(arguments.python, "train", "--steps", "1")["first_step"]
    for measure in programs.values():
        measure()  # fills the page cache
    seconds = {name: [] for name in programs}
    for _ in range(arguments.repeat):
        for name, measure in programs.items():
            seconds[name].append(measure())
    for name, values in seconds.items():
        print(f"{name:14} first step after {measuring.summary(values)} s")


if __name__ == "__main__":
    main()
