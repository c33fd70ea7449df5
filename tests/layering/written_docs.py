"""Compares what is written about plugins with what the built plugins say of themselves.

    written_docs.py <source root> <dvhost> [--write]

docs/manifest.md and docs/plugins.md are generated; each plugin's README.md holds the table of its parameters. --write brings the
two pages up to date; a README is written by hand.
"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

HEADER = "| name | type | default | range | doc |"
PAGES = ("manifest", "plugins")


def ask(dvhost, *arguments):
    """dvhost with nothing but the plugins beside it."""
    with tempfile.TemporaryDirectory() as empty:
        environment = dict(os.environ, HOME=empty, XDG_DATA_HOME=empty, DVHOST_PLUGIN_PATH="")
        return subprocess.run([dvhost, *arguments], check=True, capture_output=True, text=True, env=environment).stdout


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def tables_in(page):
    """{component id: the lines of its table, or the sentence that it has none} from docs/plugins.md's text."""
    out = {}
    for section in re.split(r"^### ", page, flags=re.M)[1:]:
        component = re.search(r"^`([\w.]+)`", section, re.M)[1]
        table = [line for line in section.split("\n") if line.startswith("|")]
        out[component] = table or ["No parameters."]
    return out


def folders_of(root, listed):
    """{component id: (folder of its plugin, plugin id)}; the file is called after the folder."""
    out = {}
    for plugin in listed:
        name = os.path.splitext(os.path.basename(plugin["file"]))[0]
        folders = [os.path.dirname(f) for f in glob.glob(os.path.join(root, "plugins", "*", name, "CMakeLists.txt"))]
        for component in plugin["components"]:
            out[component["id"]] = (folders[0] if len(folders) == 1 else None, plugin["file"])
    return out


def first_difference(written, told):
    for line, (left, right) in enumerate(zip(written, told), 1):
        if left != right:
            return f"line {line} is '{left}', and the plugin says '{right}'"
    return f"{len(written)} lines, and the plugin says {len(told)}"


def page_problems(name, written, told):
    if written != told:
        yield (f"docs/{name}.md is behind: {first_difference(written.splitlines(), told.splitlines())}. "
               "Generate it again: tests/layering/written_docs.py . <dvhost> --write")


def readme_problems(name, component, readme, table):
    """A README may hold several tables (several components); one of them must be this one, line by line."""
    lines = readme.split("\n")
    if table == ["No parameters."]:
        if table[0] not in readme:
            yield f"{name}: does not say 'No parameters.', which is what {component} has"
        return
    starts = [i for i, line in enumerate(lines) if line.strip() == HEADER]
    if not starts:
        yield f"{name}: has no parameter table for {component}; its first line is '{HEADER}'"
        return
    written = []
    for start in starts:
        end = next((i for i in range(start, len(lines)) if not lines[i].startswith("|")), len(lines))
        written.append([line.strip() for line in lines[start:end]])
        if written[-1] == table:
            return
    closest = max(written, key=lambda w: sum(line in table for line in w))
    yield f"{name}: the parameter table is not that of {component}: {first_difference(closest, table)}"


def problems_in(root, pages, listed):
    for page in PAGES:
        path = os.path.join(root, "docs", f"{page}.md")
        yield from page_problems(page, read(path) if os.path.exists(path) else "", pages[page])
    folders = folders_of(root, listed)
    for component, table in tables_in(pages["plugins"]).items():
        folder, file = folders[component]
        if folder is None:
            yield f"{component} comes from {file}, and no folder of plugins/ is called so: a plugin of another time or place"
            continue
        readme = os.path.join(folder, "README.md")
        if os.path.exists(readme):  # that there is one is another rule
            yield from readme_problems(os.path.relpath(readme, root), component, read(readme), table)


def main(root, dvhost, *options):
    pages = {page: ask(dvhost, "schema", "--markdown", page) for page in PAGES}
    if "--write" in options:
        for page, text in pages.items():
            with open(os.path.join(root, "docs", f"{page}.md"), "w", encoding="utf-8") as file:
                file.write(text)
    problems = list(problems_in(root, pages, json.loads(ask(dvhost, "plugins", "list", "--json"))))
    for problem in problems:
        print("FAILED:", problem)
    print(f"{len(tables_in(pages['plugins']))} components, {len(problems)} problems")
    return 1 if problems or not tables_in(pages["plugins"]) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
