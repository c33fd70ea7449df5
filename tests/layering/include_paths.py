"""No target sees more of the source tree than it may: reads the include paths of every compile.

    include_paths.py <source root> <compile_commands.json>

A plugin is compiled with sdk/include, its own folder and its kind's common/; the SDK with sdk/ alone; a folder of the host with a
view of the folders that it may include, which host/CMakeLists.txt makes. A portable plugin is compiled without LibTorch.
"""
import json
import os
import shlex
import sys

import source_tree


def include_paths(command):
    words = shlex.split(command)
    for word, following in zip(words, words[1:] + [""]):
        if word in ("-I", "-isystem", "-iquote", "-idirafter"):
            yield following
        elif word.startswith("-I") and word != "-I":
            yield word[2:]


def allowed(source):
    """The folders of the tree, seen from its root, that the compile of this source may search; None: any."""
    parts = source.split("/")
    if parts[0] == "plugins" and len(parts) > 3:
        return ("sdk/include", "/".join(parts[:3]), f"plugins/{parts[1]}/common")
    if parts[0] == "sdk":
        return ("sdk",)
    if parts[0] == "host" and parts[1] != "cli":  # cli may see all of the host
        return ("sdk/include",)
    return None


def inside(path, folder):
    return path == folder or path.startswith(folder + os.sep)


def problems_in(root, commands, is_portable=lambda source: False):
    for entry in commands:
        build = entry["directory"]
        source = os.path.relpath(os.path.join(build, entry["file"]), root)
        may = allowed(source)
        for path in include_paths(entry["command"]) if may else ():
            full = os.path.normpath(os.path.join(build, path))
            if is_portable(source) and os.path.isdir(os.path.join(full, "ATen")):
                yield f"{source} is compiled with LibTorch's headers ({path}); portable plugins do without"
            if not inside(full, root) or (inside(full, build) and full != build):
                continue  # a library, or a view that the build makes
            seen = os.path.relpath(full, root)
            if not any(inside(seen, home) for home in may):
                yield f"{source} is compiled with -I{seen}; expected only {', '.join(may)}"


def main(root, file):
    with open(file, encoding="utf-8") as stream:
        commands = json.load(stream)
    tree = source_tree.Tree(root)
    portable = {path for path in tree.files if (plugin := tree.plugin_of(path)) and plugin.is_portable}
    problems = sorted(set(problems_in(root, commands, portable.__contains__)))
    for problem in problems:
        print("FAILED:", problem)
    looked_at = sum(allowed(os.path.relpath(os.path.join(e["directory"], e["file"]), root)) is not None for e in commands)
    print(f"{looked_at} compiles, {len(problems)} problems")
    return 1 if problems or looked_at == 0 else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
