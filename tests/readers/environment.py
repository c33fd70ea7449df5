"""Makes the Python environment in which other programs read our files, once.

    environment.py <requirements.txt>                        prints its interpreter
    environment.py <requirements.txt> <script> <argument>... runs a script in it

It lies in ${XDG_CACHE_HOME:-~/.cache}/dvhost/readers-<hash of the requirements and of the scripts that make it>. Several
processes may ask at a time. Nothing is skipped: what cannot be made ends with code 1 and a sentence.
"""
import contextlib
import fcntl
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import time
import venv

import placeholders

READY = "ready"  # written last


def cache():
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "dvhost")


def folder_for(requirements):
    digest = hashlib.sha256(sys.version.encode())
    for path in (requirements, __file__, placeholders.__file__):
        with open(path, "rb") as file:
            digest.update(file.read())
    return os.path.join(cache(), f"readers-{digest.hexdigest()[:12]}")


@contextlib.contextmanager
def locked(path):
    with open(path, "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def read_requirements(path):
    with open(path, encoding="utf-8") as file:
        lines = [line.split("#")[0].strip() for line in file]
    return [line for line in lines if line]


def bootstrapped_torch(version):
    """The same wheel, unpacked by cmake/bootstrap.sh for the host's own build; None if it is not there or not for us."""
    folder = os.path.join(cache(), f"torch-{version}")
    tag = f"cpython-{sys.version_info.major}{sys.version_info.minor}-"
    fits = glob.glob(os.path.join(folder, "torch", f"_C.{tag}*.so"))
    return folder if fits and os.path.isdir(os.path.join(folder, f"torch-{version}.dist-info")) else None


def link_or_copy(source, target):
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def torch_version(requirements):
    """The version of PyTorch that is asked for; None if none is."""
    return next((line.removeprefix("torch==") for line in read_requirements(requirements) if line.startswith("torch==")), None)


def pip_install(python, *arguments):
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile",
                    "--only-binary", ":all:", *arguments], check=True)


def install_torch(python, site, requirements):
    """PyTorch and what else is listed, without following dependencies. Returns where it came from."""
    wanted = read_requirements(requirements)
    unpacked = bootstrapped_torch(torch_version(requirements))
    if unpacked:
        for entry in os.listdir(unpacked):
            if entry != "bin":
                shutil.copytree(os.path.join(unpacked, entry), os.path.join(site, entry), copy_function=link_or_copy,
                                dirs_exist_ok=True)
        wanted = [line for line in wanted if not line.startswith(("torch==", "nvidia-cuda-"))]
    pip_install(python, "--no-deps", *wanted)
    placeholders.write(os.path.join(site, "torch", "lib"))
    subprocess.run([python, "-W", "ignore", "-c", "import torch, torch.optim; torch.optim.SGD([torch.zeros(1)])"], check=True)
    return unpacked or "PyPI"


def make(folder, requirements):
    began = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True, symlinks=True)
    python = os.path.join(folder, "bin", "python")
    site = subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))"], check=True,
                          capture_output=True, text=True).stdout.strip()
    if torch_version(requirements):
        what = f"torch from {install_torch(python, site, requirements)}"
    else:  # a tool with its dependencies as it asks for them
        pip_install(python, "--requirement", requirements)
        what = ", ".join(read_requirements(requirements))
    with open(os.path.join(folder, READY), "w", encoding="utf-8") as file:
        file.write(f"{what}, made in {time.monotonic() - began:.0f} s\n")


def prepare(requirements):
    os.makedirs(cache(), exist_ok=True)
    folder = folder_for(requirements)
    with locked(folder + ".lock"):
        if not os.path.exists(os.path.join(folder, READY)):
            make(folder, requirements)
    return os.path.join(folder, "bin", "python")


if __name__ == "__main__":
    try:
        interpreter = prepare(sys.argv[1])
    except (OSError, subprocess.CalledProcessError) as problem:
        sys.exit(f"FAILED: the environment in which {os.path.basename(sys.argv[1])} reads our files could not be made: {problem}. "
                 "It needs a network, a C compiler, binutils and venv (Debian: python3-venv). To leave these tests out: "
                 "ctest --label-exclude readers.")
    if sys.argv[2:]:
        os.execv(interpreter, [interpreter, "-B", *sys.argv[2:]])
    print(interpreter)
