"""Empty stand-ins for the CUDA libraries that PyTorch's wheel asks for when it is imported.

A CPU never calls them, and the real ones are 1.8 GB. Each stand-in defines the names that torch's libraries look up in it,
under the versions they ask for; calling one ends the process. The libraries and names are read off torch's own files, so
nothing here depends on a version. Needs readelf, nm and a C compiler.
"""
import collections
import glob
import os
import re
import subprocess
import tempfile

# Libraries without symbol versions: which names are theirs.
UNVERSIONED = {"libcufile": "cuFile", "libcusparseLt": "cusparseLt", "libcurand": "curand", "libnccl": "nccl"}
CUDA = re.compile(r"lib(cu|nccl|nvshmem)")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def present(folder):
    nvidia = os.path.join(folder, "..", "..", "nvidia")
    return {os.path.basename(path) for pattern in (f"{folder}/*.so*", f"{nvidia}/*/lib/*.so*", f"{nvidia}/*/*/lib/*.so*")
            for path in glob.glob(pattern)}


def wanted_by(library):
    """What a library needs: {file: versions asked of it}, and the names it leaves undefined, as (name, version)."""
    dynamic = run("readelf", "--dynamic", "--version-info", "--wide", library)
    files = {name: set() for name in re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic)}
    file = None
    for line in dynamic.split("\n"):
        if found := re.search(r" File: (\S+)", line):
            file = found[1]
        elif file in files and (found := re.search(r" Name: (\S+)", line)):
            files[file].add(found[1])
    undefined = re.findall(r"^\s+[Uw] ([^@\s]+)(?:@(\S+))?$", run("nm", "-D", "--undefined-only", library), re.M)
    return files, undefined


def collect(folder):
    """{missing file: {version or "": names}}"""
    missing, undefined, here = {}, set(), present(folder)
    for library in glob.glob(os.path.join(folder, "libtorch*.so")) + glob.glob(os.path.join(folder, "libc10*.so")):
        if "linalg" in library:  # loaded by torch only when CUDA is used
            continue
        files, names = wanted_by(library)
        undefined.update(names)
        for file, versions in files.items():
            if CUDA.match(file) and file not in here:
                missing.setdefault(file, set()).update(versions)
    out = {}
    for file, versions in missing.items():
        out[file] = collections.defaultdict(list, {version: [] for version in versions})
        prefix = UNVERSIONED.get(file.split(".so")[0])
        for name, version in sorted(undefined):
            if version in versions or (not version and prefix and name.startswith(prefix)):
                out[file][version].append(name)
    return out


def build(target, by_version, work):
    source, script = os.path.join(work, "empty.c"), os.path.join(work, "versions.map")
    with open(source, "w", encoding="utf-8") as file:
        for name in (name for names in by_version.values() for name in names):
            file.write(f"void {name}(void) {{ __builtin_trap(); }}\n")
    options = []
    if any(by_version):
        with open(script, "w", encoding="utf-8") as file:
            for version, names in by_version.items():
                file.write(f"{version} {{ global: {' '.join(name + ';' for name in names)} }};\n")
        options = [f"-Wl,--version-script={script}"]
    run(os.environ.get("CC", "cc"), "-shared", "-fPIC", "-w", "-o", target, f"-Wl,-soname,{os.path.basename(target)}", source,
        *options)


def write(folder):
    """Puts what is missing beside torch's libraries in `folder`."""
    with tempfile.TemporaryDirectory() as work:
        for file, by_version in collect(folder).items():
            build(os.path.join(folder, file), by_version, work)
