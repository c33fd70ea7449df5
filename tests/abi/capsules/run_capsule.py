"""Builds a capsule from its own files and lets today's dvhost train with it.

    run_capsule.py <capsule> <build folder> <dvhost> <C compiler> <C++ compiler>
"""
import csv
import hashlib
import os
import shutil
import subprocess
import sys


def read(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return file.read()


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ, OMP_NUM_THREADS="1"))
    if done.returncode != 0:
        sys.exit(f"FAILED: {' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def check_frozen(capsule):
    """FROZEN lists every file with its SHA-256, as sha256sum writes it."""
    listed = dict(reversed(line.split("  ")) for line in read(capsule, "FROZEN").splitlines())
    found = {os.path.relpath(os.path.join(folder, name), capsule) for folder, _, names in os.walk(capsule) for name in names}
    problems = [f"{name} is not listed in FROZEN" for name in sorted(found - {"FROZEN"} - set(listed))]
    for name, digest in listed.items():
        if name not in found:
            problems.append(f"{name} is missing")
        elif hashlib.sha256(read(capsule, name).encode()).hexdigest() != digest:
            problems.append(f"{name} was edited")
    if problems:
        sys.exit(f"FAILED: {capsule} is frozen, a capsule is never edited: {'; '.join(problems)}. See README.md beside it.")


def build(capsule, folder, c_compiler, cxx_compiler):
    run("cmake", "-S", capsule, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", f"-DCMAKE_C_COMPILER={c_compiler}",
        f"-DCMAKE_CXX_COMPILER={cxx_compiler}")
    run("cmake", "--build", folder)
    return os.path.join(folder, "capsule.so")


def train(capsule, folder, plugin, dvhost):
    runs, manifest = os.path.join(folder, "runs"), os.path.join(folder, "run.toml")
    shutil.rmtree(runs, ignore_errors=True)
    with open(manifest, "w", encoding="utf-8") as file:
        file.write(read(os.path.dirname(capsule), "run.toml") + read(capsule, "logger.toml"))
    run(dvhost, "run", manifest, "--plugin-path", plugin, "-o", f'run.dir="{runs}"')
    return os.path.join(runs, "version_0")


def expected_metrics(folder):
    """The same run through today's csv logger."""
    with open(os.path.join(folder, "metrics.csv"), newline="", encoding="utf-8") as file:
        return [(row["step"], row["epoch"], row["key"], float(row["value"])) for row in csv.DictReader(file, strict=True)]


def check_output(capsule, folder):
    lines = read(folder, "capsule.txt").splitlines()
    parameters = read(capsule, "parameters.txt").splitlines()
    metrics = [tuple(line.split(" ")[1:4]) + (float(line.split(" ")[4]),) for line in lines if line.startswith("metric ")]
    others = [line for line in lines if not line.startswith("metric ")]
    assert others == [*parameters, "manifest run.name capsule", "finalize success"], others
    assert lines[len(parameters)].startswith("manifest") and lines[-1].startswith("finalize"), lines
    assert metrics == expected_metrics(folder), (metrics, expected_metrics(folder))
    assert [m[0] for m in metrics if m[2] == "train/loss"] == ["0", "1"], metrics
    assert "the capsule is open" in read(folder, "dvhost.log")


def main(capsule, folder, dvhost, c_compiler, cxx_compiler):
    check_frozen(capsule)
    plugin = build(capsule, folder, c_compiler, cxx_compiler)
    run(dvhost, "plugins", "verify", plugin)
    check_output(capsule, train(capsule, folder, plugin, dvhost))
    print(f"{os.path.basename(capsule)}: verified, trained, and saw every number")


if __name__ == "__main__":
    main(*sys.argv[1:])
