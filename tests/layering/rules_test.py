"""Each rule finds what breaks it in a small tree, and nothing in the same tree without."""
import os
import tempfile
import unittest

import rules
import source_tree

CLEAN = {
    "sdk/include/dv/abi.h": "#include <stdint.h>\n",
    "sdk/include/dv/logger.hpp": "#include <dv/abi.h>\n",
    "sdk/include/dv/testing/load.hpp": "#include <dv/abi.h>\n",
    "sdk/include/dv/torch/model.hpp": "#include <dv/abi.h>\n#include <ATen/core/Tensor.h>\n",
    "sdk/src/testing/load.cpp": "#include <dv/testing/load.hpp>\n",
    "host/main.cpp": "#include <cstdlib>\n",
    "host/cli/run.cpp": '#include "compose/assembler.hpp"\n#include <boost/program_options.hpp>\n',
    "host/compose/assembler.hpp": '#include "manifest/node.hpp"\n#include "registry/note.hpp"\n#include "loops/trainer.hpp"\n',
    "host/manifest/node.hpp": "#include <toml++/toml.h>\n",
    "host/registry/note.hpp": "#include <toml++/toml.h>\n#include <boost/dll/shared_library.hpp>\n",
    "host/loops/trainer.hpp": '#include "loops/progress.hpp"\n#include <dv/torch/model.hpp>\n',
    "host/loops/progress.hpp": "#include <cstdint>\n",
    "host/logging/console.hpp": "#include <spdlog/logger.h>\n",
    "plugins/loggers/common/CMakeLists.txt": "target_link_libraries(c INTERFACE dv::portable)\n",
    "plugins/loggers/common/line_file.hpp": "#include <dv/logger.hpp>\n",
    "plugins/loggers/csv/CMakeLists.txt": "# not of host/loops\ndv_add_plugin(csv CLASS portable SOURCES csv.cpp)\n",
    "plugins/loggers/csv/README.md": "# csv\n",
    "plugins/loggers/csv/csv.cpp": '#include "line_file.hpp"\n#include "table.hpp"\n// #include "loops/trainer.hpp"\n',
    "plugins/loggers/csv/table.hpp": "#include <dv/logger.hpp>\n#include <string>\n",
    "plugins/loggers/csv/tests/csv_test.cpp": '#include "../table.hpp"\n#include <dv/testing/load.hpp>\n',
    "plugins/models/net/CMakeLists.txt": "dv_add_plugin(net CLASS torch SOURCES net.cpp)\n",
    "plugins/models/net/README.md": "# net\n",
    "plugins/models/net/net.cpp": "#include <dv/torch/model.hpp>\n#include <ATen/ops/zeros.h>\n",
    "plugins/models/net/tests/net_test.cpp": "#include <gtest/gtest.h>\n",
}
CSV, NET, COMMON = "plugins/loggers/csv/csv.cpp", "plugins/models/net/net.cpp", "plugins/loggers/common/line_file.hpp"

# rule → [(file, what it holds instead; None: it is not there, words of the sentence)]
BROKEN = {
    rules.no_climbing: [
        (CSV, '#include "../../models/net/net.hpp"\n', "csv.cpp:1: includes ../../models/net/net.hpp"),
        ("host/loops/trainer.hpp", "#include <../../plugins/loggers/csv/table.hpp>\n", "climbs"),
        (CSV, '\n  #  include   "../../../host/loops/trainer.hpp" // hidden\n', "csv.cpp:2")],
    rules.plugins_include_their_own: [
        (CSV, '#include "gone.hpp"\n', "gone.hpp: not a file of plugins/loggers/csv"),
        (NET, '#include "../net2/net.hpp"\n', "not a file of plugins/models/net")],
    rules.plugins_use_the_sdk_as_installed: [
        (CSV, "#include <dv/own_idea.hpp>\n", "no such header"),
        (CSV, "#include <dv/testing/load.hpp>\n", "is for tests"),
        (CSV, "#include <plugins/loggers/csv/table.hpp>\n", "does not install"),
        (CSV, "#include <testing/load.cpp>\n", "does not install")],
    rules.plugins_do_not_know_the_host: [
        (CSV, "#include <loops/trainer.hpp>\n", "does not know the host"),
        (CSV, "#include <host/loops/trainer.hpp>\n", "does not know the host"),
        ("plugins/models/net/CMakeLists.txt", "dv_add_plugin(net CLASS torch LINK dvhost_core)\n", "names dvhost_core"),
        ("plugins/models/net/CMakeLists.txt", "dv_add_plugin(net CLASS torch)\ninclude_directories(../../../host/loops)\n",
         "names host/loops")],
    rules.sdk_does_not_know_the_host: [
        ("sdk/include/dv/logger.hpp", "#include <loops/trainer.hpp>\n", "does not know the host"),
        ("sdk/src/testing/load.cpp", '#include "registry/note.hpp"\n', "does not know the host"),
        ("sdk/include/dv/logger.hpp", '#include "abi.h"\n', "as <dv/...>")],
    rules.host_folders_keep_apart: [
        ("host/loops/trainer.hpp", '#include "manifest/node.hpp"\n', "host/loops does not know host/manifest"),
        ("host/loops/trainer.hpp", "#include <registry/note.hpp>\n", "host/loops does not know host/registry"),
        ("host/loops/trainer.hpp", '#include "../manifest/node.hpp"\n', "host/loops does not know host/manifest"),
        ("host/manifest/node.hpp", '#include "registry/note.hpp"\n', "host/manifest does not know host/registry"),
        ("host/registry/note.hpp", '#include "manifest/node.hpp"\n', "host/registry does not know host/manifest"),
        ("host/compose/assembler.hpp", '#include "cli/run.hpp"\n', "host/compose does not know host/cli"),
        ("host/logging/console.hpp", '#include "compose/assembler.hpp"\n', "host/logging does not know host/compose")],
    rules.libraries_show_in_one_layer: [
        ("host/compose/assembler.hpp", "#include <toml++/toml.h>\n", "toml++"),
        (CSV, "#include <toml++/toml.h>\n", "toml++"),
        ("host/compose/assembler.hpp", "#include <boost/dll/shared_library.hpp>\n", "Boost.DLL"),
        ("host/compose/assembler.hpp", "#include <boost/program_options.hpp>\n", "Boost.Program_options"),
        ("host/loops/trainer.hpp", "#include <spdlog/spdlog.h>\n", "spdlog"),
        ("host/loops/trainer.hpp", "#include <nccl.h>\n", "NCCL")],
    rules.portable_code_does_not_see_libtorch: [
        ("sdk/include/dv/logger.hpp", "#include <ATen/core/Tensor.h>\n", "portable"),
        ("sdk/include/dv/logger.hpp", "#include <dv/torch/model.hpp>\n", "portable"),
        ("sdk/src/testing/load.cpp", "#include <c10/util/Exception.h>\n", "portable"),
        (CSV, "#include <torch/version.h>\n", "portable"),
        (CSV, "#include <dv/torch/model.hpp>\n", "portable"),
        (COMMON, "#include <c10/core/Device.h>\n", "portable")],
    rules.no_wide_headers: [
        (NET, "#include <torch/torch.h>\n", "20 s"),
        (NET, "#include <ATen/ATen.h>\n", "20 s"),
        ("sdk/include/dv/torch/model.hpp", "#include <torch/types.h>\n", "20 s")],
    rules.plugin_folders_are_whole: [
        ("plugins/loggers/csv/README.md", None, "has no README.md"),
        ("plugins/loggers/csv/CMakeLists.txt", None, "has no CMakeLists.txt"),
        ("plugins/loggers/csv/tests/csv_test.cpp", None, "has no tests/*_test.cpp"),
        ("plugins/models/net/CMakeLists.txt", "add_library(net MODULE net.cpp)\n", "does not call dv_add_plugin")],
}


def tree_of(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            if text is not None:
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
        tree = source_tree.Tree(root)
        return {rule: list(rule(tree)) for rule in rules.RULES}


class RulesTest(unittest.TestCase):
    def test_a_clean_tree_breaks_no_rule(self):
        self.assertEqual([problem for found in tree_of(CLEAN).values() for problem in found], [])

    def test_each_rule_has_a_tree_that_breaks_it(self):
        self.assertEqual(set(BROKEN), set(rules.RULES))

    def test_each_rule_finds_what_breaks_it(self):
        for rule, cases in BROKEN.items():
            for path, text, words in cases:
                with self.subTest(rule=rule.__name__, path=path, text=text):
                    found = tree_of({**CLEAN, path: text})[rule]
                    self.assertEqual(len(found), 1, found)
                    self.assertIn(words, found[0])
                    self.assertIn("/".join(path.split("/")[:2]), found[0])


if __name__ == "__main__":
    unittest.main()
