"""Every built plugin exports dv_plugin_entry and nothing else.

    exports.py <folder of plugins> <nm>
"""
import os
import subprocess
import sys

ENTRY = "dv_plugin_entry"


def exports_of(path, nm):
    lines = subprocess.run([nm, "-D", "--defined-only", path], check=True, capture_output=True, text=True).stdout.splitlines()
    return sorted(line.split()[-1].split("@")[0] for line in lines)


def plugins_in(folder):
    return sorted(os.path.join(path, name) for path, _, names in os.walk(folder) for name in names if name.endswith(".so"))


def problems_in(folder, nm):
    plugins = plugins_in(folder)
    if not plugins:
        yield f"{folder} holds no plugin"
    for path in plugins:
        found = exports_of(path, nm)
        if found != [ENTRY]:
            yield f"{path} exports {', '.join(found) or 'nothing'}; expected {ENTRY} alone: build it with dv_add_plugin()"


def main(folder, nm):
    problems = list(problems_in(folder, nm))
    for problem in problems:
        print("FAILED:", problem)
    print(f"{len(plugins_in(folder))} plugins, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
