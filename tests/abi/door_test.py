"""Holds dv/abi.h to sdk/abi: the golden layout, the released ones, and the lifecycle of every field.

    door_test.py <source root> <layout program> [--write]

--write: the golden becomes what the header says now; for a change that was decided.
"""
import glob
import os
import re
import subprocess
import sys
import tomllib

import c_door
import layout

KEEPS = "sdk/abi/README.md tells how the door may change."


def read(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return file.read()


def version(text):
    return tuple(int(part) for part in text.split("."))


def first_difference(golden, present):
    for number, (was, is_now) in enumerate(zip(golden.split("\n"), present.split("\n")), 1):
        if was != is_now:
            return f"line {number}: the golden says '{was}', the header gives '{is_now}'"
    return "one of the two is longer than the other"


def check_golden(folder, present):
    golden = read(folder, "abi-1.golden")
    if golden != present:
        yield (f"dv/abi.h is not laid out as sdk/abi/abi-1.golden says: {first_difference(golden, present)}. "
               "If the change was decided: door_test.py --write, and commit the difference.")


def check_released(folder, present, released):
    files = {os.path.basename(path): path for path in glob.glob(os.path.join(folder, "released", "*.golden"))}
    expected = {f"abi-{name}.golden" for name in released}
    if set(files) != expected:
        yield f"sdk/abi/released holds {sorted(files)}, and abi.toml names as released {sorted(expected)}"
    for name, path in sorted(files.items()):
        for problem in layout.broken_promises(read(path), present):
            yield f"plugins built for {name[4:-7]} would break: {problem}. {KEEPS}"


def check_item(where, item, minor, is_function, header_tags):
    unknown = set(item) - {"since", "status", "thread", "null"}
    if unknown:
        yield f"abi.toml: {where} has unknown keys {sorted(unknown)}"
    if not re.fullmatch(r"1\.\d+", item.get("since", "")) or version(item["since"])[1] > minor:
        yield f"abi.toml: {where}: since is {item.get('since')!r}, expected '1.0' to '1.{minor}'"
    if item.get("status", "stable") not in ("stable", "draft", "deprecated"):
        yield f"abi.toml: {where}: status is {item['status']!r}, expected stable, draft or deprecated"
    thread = item.get("thread")
    if is_function and thread not in ("main", "step", "io", "any"):
        yield f"abi.toml: {where}: thread is {thread!r}, expected main, step, io or any"
    if not is_function and thread is not None:
        yield f"abi.toml: {where} is not a function and has a thread"
    if header_tags and thread is not None and thread not in header_tags:
        yield f"abi.toml: {where}: thread is '{thread}', and the header's comment says {list(header_tags)}"


def check_struct(struct, entry, minor):
    for key in set(entry) - {"since", "status", "fields", "functions"}:
        yield f"abi.toml: {struct.name} has unknown key '{key}'"
    yield from check_item(struct.name, {k: entry[k] for k in ("since", "status") if k in entry}, minor, False, ())
    fields = {f.name: f for f in struct.fields}
    listed = {name: {"since": since} for since, names in entry.get("fields", {}).items() for name in names}
    listed |= entry.get("functions", {})
    for name in fields.keys() - listed.keys():
        yield f"abi.toml does not list {struct.name}.{name}, which the header has"
    for name, item in listed.items():
        if name not in fields:
            yield f"abi.toml lists {struct.name}.{name}, which the header does not have"
            continue
        is_function = fields[name].is_function
        if is_function != (name in entry.get("functions", {})):
            yield f"abi.toml: {struct.name}.{name} belongs under {'functions' if is_function else 'fields'}"
        yield from check_item(f"{struct.name}.{name}", item, minor, is_function, fields[name].threads)


def check_lifecycle(door, lifecycle, major, minor):
    if lifecycle["abi"]["version"] != f"{major}.{minor}":
        yield f"abi.toml is for {lifecycle['abi']['version']}, the header for {major}.{minor}"
    structs = {s.name: s for s in door.structs}
    for name in structs.keys() - lifecycle["struct"].keys():
        yield f"abi.toml does not list struct {name}, which the header has"
    for name, entry in lifecycle["struct"].items():
        if name in structs:
            yield from check_struct(structs[name], entry, minor)
        else:
            yield f"abi.toml lists struct {name}, which the header does not have"


def main(root, program, *options):
    folder = os.path.join(root, "sdk", "abi")
    present = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    if "--write" in options:
        with open(os.path.join(folder, "abi-1.golden"), "w", encoding="utf-8") as file:
            file.write(present)
    door = c_door.read(read(root, "sdk", "include", "dv", "abi.h"))
    lifecycle = tomllib.loads(read(folder, "abi.toml"))
    major, minor = re.search(r"dv/abi\.h (\d+)\.(\d+)", present).groups()
    problems = [*check_golden(folder, present), *check_released(folder, present, lifecycle["abi"]["released"]),
                *layout.careless_fields(present), *check_lifecycle(door, lifecycle, int(major), int(minor))]
    for problem in problems:
        print("FAILED:", problem)
    print(f"{len(door.structs)} structs, {sum(len(s.fields) for s in door.structs)} fields, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
