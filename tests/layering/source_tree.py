"""A source tree as the rules look at it: its files, what each includes, its plugin folders."""
import dataclasses
import os
import re

SOURCES = (".c", ".cpp", ".h", ".hpp", ".cu", ".cuh")
PARTS = ("sdk", "host", "plugins")
DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*include\b[ \t]*(.*?)[ \t]*(?://.*|/\*.*)?$", re.M)


@dataclasses.dataclass(frozen=True)
class Include:
    path: str  # of the file that includes, seen from the root
    line: int
    name: str  # what stands between the brackets or quotes
    quoted: bool

    def __str__(self):
        return f"{self.path}:{self.line}: includes {self.name}"


@dataclasses.dataclass(frozen=True)
class PluginFolder:
    path: str  # "plugins/loggers/csv"
    cmake: str  # text of its CMakeLists.txt, comments taken out; "" without one

    @property
    def kind_folder(self):
        return os.path.dirname(self.path)

    @property
    def name(self):
        return os.path.basename(self.path)

    @property
    def is_plugin(self):
        return self.name != "common"

    @property
    def is_portable(self):
        if "CLASS " in self.cmake:
            return "CLASS portable" in self.cmake
        return "dv::portable" in self.cmake and "dv::torch" not in self.cmake  # a common/ folder


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Tree:
    def __init__(self, root):
        self.root = root
        self.files = sorted(self._walk())
        self.includes = [include for path in self.files for include in self._includes_of(path)]
        self.plugins = [self._plugin(path) for path in self._folders("plugins", 2)]

    def exists(self, path):
        return os.path.isfile(os.path.join(self.root, path))

    def _walk(self):
        for part in PARTS:
            for folder, _, names in os.walk(os.path.join(self.root, part)):
                for name in names:
                    if name.endswith(SOURCES):
                        yield os.path.relpath(os.path.join(folder, name), self.root)

    def _includes_of(self, path):
        text = read(os.path.join(self.root, path))
        for found in DIRECTIVE.finditer(text):
            name = re.match(r'^[<"](.+)[>"]$', found[1])
            line = text.count("\n", 0, found.start()) + 1
            yield Include(path, line, name[1] if name else found[1], not found[1].startswith("<"))

    def _folders(self, top, depth):
        if depth == 0:
            return [top]
        try:
            names = sorted(os.listdir(os.path.join(self.root, top)))
        except FileNotFoundError:
            return []
        folders = [os.path.join(top, name) for name in names if os.path.isdir(os.path.join(self.root, top, name))]
        return [path for folder in folders for path in self._folders(folder, depth - 1)]

    def _plugin(self, path):
        cmake = os.path.join(path, "CMakeLists.txt")
        text = read(os.path.join(self.root, cmake)) if self.exists(cmake) else ""
        return PluginFolder(path, re.sub(r"#[^\n]*", "", text))

    def plugin_of(self, path):
        return next((p for p in self.plugins if path.startswith(p.path + "/")), None)
