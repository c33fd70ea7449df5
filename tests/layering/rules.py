"""The rules of the source tree: which part may know which. Each yields sentences about what breaks it.

What an include path can forbid, it forbids (a target only gets what it may use); these rules find the ways around.
"""
import os
import re

HOST_FOLDERS = ("cli", "compose", "verify", "manifest", "registry", "loops", "checkpoint", "data", "logging", "recording", "distributed")
ENGINE = {"loops", "checkpoint", "data", "logging", "recording", "distributed"}
HOST_MAY_INCLUDE = {
    "manifest": {"manifest"},
    "registry": {"registry"},
    "compose": {"compose", "manifest", "registry"} | ENGINE,
    "verify": {"verify", "compose", "manifest", "registry"} | ENGINE,
    "cli": set(HOST_FOLDERS),
    **{folder: ENGINE for folder in ENGINE},
}
# A library, and where alone its headers may show.
LIBRARIES = {
    "toml++": (r"toml\+\+/|toml\.hpp$|cpptoml", ("host/manifest/", "host/registry/")),
    "Boost.DLL": (r"boost/dll(/|\.hpp$)", ("host/registry/",)),
    "Boost.Program_options": (r"boost/program_options(/|\.hpp$)", ("host/cli/",)),
    "spdlog": (r"spdlog/|fmt/", ("host/logging/",)),
    "NCCL": (r"nccl\.h$", ("plugins/strategies/",)),
}
LIBTORCH = re.compile(r"^(ATen|c10|caffe2|torch)/")
WIDE = re.compile(r"^(ATen/ATen\.h|ATen/Functions\.h|torch/(torch|all|types|nn|extension)\.h)$")


def host_folder_named_by(include):
    """"loops" for "loops/trainer.hpp", "host/loops/trainer.hpp" and "../../host/loops/trainer.hpp"."""
    parts = [part for part in include.name.split("/") if part not in ("..", ".")]
    if parts and parts[0] == "host":
        return parts[1] if len(parts) > 2 else "host"
    return parts[0] if len(parts) > 1 and parts[0] in HOST_FOLDERS else None


def relative_to(include, folder):
    return os.path.normpath(os.path.join(folder, include.name))


def no_climbing(tree):
    for include in tree.includes:
        if include.name.startswith("../.."):
            yield f"{include}: a path that climbs out of its folder gets around the include paths"


def plugins_include_their_own(tree):
    for include in tree.includes:
        plugin = tree.plugin_of(include.path)
        if plugin is None or not include.quoted or include.name.startswith("../.."):
            continue
        homes = (os.path.dirname(include.path), plugin.path, f"{plugin.kind_folder}/common")
        found = [path for path in (relative_to(include, home) for home in homes) if tree.exists(path)]
        if not any(path.startswith((plugin.path + "/", f"{plugin.kind_folder}/common/")) for path in found):
            yield (f"{include}: not a file of {plugin.path} or {plugin.kind_folder}/common; a plugin takes <dv/...>, libraries "
                   "and its own")


def plugins_use_the_sdk_as_installed(tree):
    for include in tree.includes:
        plugin = tree.plugin_of(include.path)
        if plugin is None or include.quoted:
            continue
        if include.name.startswith("dv/"):
            if not tree.exists(f"sdk/include/{include.name}"):
                yield f"{include}: the SDK has no such header"
            elif include.name.startswith("dv/testing/") and "/tests/" not in include.path:
                yield f"{include}: dv/testing is for tests"
        elif any(tree.exists(f"{folder}/{include.name}") for folder in ("sdk/src", "plugins", "sdk", ".")):
            yield f"{include}: a file of this tree that the SDK does not install"


def plugins_do_not_know_the_host(tree):
    for include in tree.includes:
        if include.path.startswith("plugins/") and (tree.exists(f"host/{include.name}") or "host/" in include.name):
            yield f"{include}: a plugin does not know the host; what it needs is an SDK interface or a host service"
    for plugin in tree.plugins:
        for word in re.findall(r"\bdvhost_\w+|\bhost/\w+", plugin.cmake):
            yield f"{plugin.path}/CMakeLists.txt: names {word}; a plugin links the SDK, not the host"


def sdk_does_not_know_the_host(tree):
    for include in tree.includes:
        if include.path.startswith("sdk/") and host_folder_named_by(include):
            yield f"{include}: the SDK does not know the host"
        elif include.path.startswith("sdk/include/") and include.quoted:
            yield f"{include}: an installed header names others as <dv/...>"


def host_folders_keep_apart(tree):
    for include in tree.includes:
        parts = include.path.split("/")
        if parts[0] != "host" or len(parts) < 3:
            continue
        seen = host_folder_named_by(include)
        if not seen and include.quoted and ".." in include.name:
            inside = relative_to(include, os.path.dirname(include.path)).split("/")
            seen = inside[1] if inside[0] == "host" and len(inside) > 2 else None
        if seen and seen not in HOST_MAY_INCLUDE.get(parts[1], set(HOST_FOLDERS)):
            may = ", ".join(sorted(HOST_MAY_INCLUDE[parts[1]]))
            yield f"{include}: host/{parts[1]} does not know host/{seen} (it may know: {may})"


def libraries_show_in_one_layer(tree):
    for include in tree.includes:
        for library, (pattern, homes) in LIBRARIES.items():
            if re.match(pattern, include.name) and not include.path.startswith(homes):
                yield f"{include}: {library} shows only in {' and '.join(homes)}"


def is_portable(tree, path):
    plugin = tree.plugin_of(path)
    if plugin is not None:
        return plugin.is_portable
    in_sdk = re.match(r"sdk/(include/dv|src)/(testing/)?[\w.]+$", path)
    return bool(in_sdk) and os.path.basename(path) not in ("torch.hpp", "conformance_main.cpp")


def portable_code_does_not_see_libtorch(tree):
    for include in tree.includes:
        if not is_portable(tree, include.path):
            continue
        if LIBTORCH.match(include.name) or include.name.startswith(("dv/torch/", "dv/temporal/", "dv/testing/torch.hpp")):
            yield f"{include}: portable code runs with any LibTorch because it sees none"


def no_wide_headers(tree):
    for include in tree.includes:
        if WIDE.match(include.name):
            yield f"{include}: costs up to 20 s to compile; take <ATen/core/Tensor.h> and single <ATen/ops/...h>"


def plugin_folders_are_whole(tree):
    for plugin in tree.plugins:
        if not plugin.is_plugin:
            continue
        for name in ("README.md", "CMakeLists.txt"):
            if not tree.exists(f"{plugin.path}/{name}"):
                yield f"{plugin.path} has no {name}"
        if not any(f.startswith(f"{plugin.path}/tests/") and re.search(r"_test\.(cpp|c)$", f) for f in tree.files):
            yield f"{plugin.path} has no tests/*_test.cpp"
        if plugin.cmake and "dv_add_plugin(" not in plugin.cmake.replace(" (", "("):
            yield f"{plugin.path}/CMakeLists.txt does not call dv_add_plugin()"


RULES = (no_climbing, plugins_include_their_own, plugins_use_the_sdk_as_installed, plugins_do_not_know_the_host,
         sdk_does_not_know_the_host, host_folders_keep_apart, libraries_show_in_one_layer,
         portable_code_does_not_see_libtorch, no_wide_headers, plugin_folders_are_whole)
