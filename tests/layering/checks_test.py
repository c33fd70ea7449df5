"""The checks of built files and written pages find what they look for."""
import os
import subprocess
import tempfile
import unittest

import exports
import include_paths
import written_docs

TABLE = [written_docs.HEADER, "|---|---|---|---|---|", '| path | string | "metrics.csv" |  | output file |']
README = "# csv\n\nWrites numbers.\n\n" + "\n".join(TABLE) + "\n\nSource: RFC 4180.\n"
PAGE = "# Plugins\n\n## dv.logger\n\n### csv\n\n`x.logger.csv` (portable): Writes\n\n" + "\n".join(TABLE) + "\n"


class WrittenDocsTest(unittest.TestCase):
    def readme(self, text, table=None):
        return list(written_docs.readme_problems("README.md", "x.logger.csv", text, table or TABLE))

    def test_reads_the_tables_of_the_generated_page(self):
        page = PAGE + "\n### none\n\n`x.recurrence.none` (torch): Nothing\n\nNo parameters.\n"
        self.assertEqual(written_docs.tables_in(page), {"x.logger.csv": TABLE, "x.recurrence.none": ["No parameters."]})

    def test_a_readme_with_the_table_is_right(self):
        self.assertEqual(self.readme(README), [])
        other = "\n".join(TABLE).replace("path", "file") + "\n\n"
        self.assertEqual(self.readme(other + README), [], "one of several tables")

    def test_a_readme_that_says_otherwise_is_found(self):
        for text, words in ((README.replace("metrics.csv", "out.csv"), "out.csv"), ("# csv\n", "has no parameter table"),
                            (README.replace(TABLE[2] + "\n", ""), "2 lines, and the plugin says 3"),
                            (README.replace(TABLE[2], TABLE[2] + "\n| old | int | 1 |  | gone |"), "4 lines")):
            with self.subTest(text=text):
                problem, = self.readme(text)
                self.assertIn(words, problem)

    def test_a_component_without_parameters_says_so(self):
        self.assertEqual(self.readme("# none\n\nNo parameters.\n", ["No parameters."]), [])
        self.assertEqual(len(self.readme("# none\n", ["No parameters."])), 1)

    def test_a_page_that_is_behind_is_found(self):
        self.assertEqual(list(written_docs.page_problems("plugins", PAGE, PAGE)), [])
        problem, = written_docs.page_problems("plugins", PAGE.replace("Writes", "Wrote"), PAGE)
        self.assertIn("Wrote", problem)

    def test_a_plugin_without_a_folder_is_found(self):
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, "docs"))
            for page in written_docs.PAGES:
                with open(os.path.join(root, "docs", f"{page}.md"), "w", encoding="utf-8") as file:
                    file.write(PAGE)
            listed = [{"file": "/build/csv.so", "components": [{"id": "x.logger.csv"}]}]
            problem, = written_docs.problems_in(root, dict.fromkeys(written_docs.PAGES, PAGE), listed)
            self.assertIn("no folder of plugins/", problem)


class ExportsTest(unittest.TestCase):
    def problems_with(self, source):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-x", "c", "-", "-o", os.path.join(folder, "x.so")],
                           input=source, text=True, check=True)
            return list(exports.problems_in(folder, os.environ.get("NM", "nm")))

    def test_one_export_is_right(self):
        self.assertEqual(self.problems_with("int dv_plugin_entry(void) { return 0; } static int f(void) { return 0; }"), [])

    def test_a_second_export_is_found(self):
        problem, = self.problems_with("int dv_plugin_entry(void) { return 0; } int leaked = 1;")
        self.assertIn("dv_plugin_entry, leaked", problem)

    def test_no_export_is_found(self):
        self.assertIn("nothing", self.problems_with("static int f(void) { return 0; }")[0])

    def test_an_empty_folder_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertIn("holds no plugin", list(exports.problems_in(folder, "nm"))[0])


class IncludePathsTest(unittest.TestCase):
    def problems_with(self, source, *paths, build="/src/build/dev"):
        command = " ".join(["c++", *(f"-I{path}" for path in paths), "-c", source])
        return list(include_paths.problems_in("/src", [{"directory": build, "file": f"/src/{source}", "command": command}]))

    def test_what_plugins_sdk_and_host_may_see(self):
        csv = "plugins/loggers/csv/csv.cpp"
        self.assertEqual(self.problems_with(csv, "/src/sdk/include", "/src/plugins/loggers/csv", "/src/plugins/loggers/common"), [])
        self.assertEqual(self.problems_with("sdk/src/torch/a.cpp", "/src/sdk/include"), [])
        self.assertEqual(self.problems_with("host/loops/a.cpp", "/src/build/dev/host/view/loops", "/src/sdk/include"), [])
        self.assertEqual(self.problems_with(csv, "/usr/include/x -isystem /opt/torch/include"), [])

    def test_what_they_may_not(self):
        for source, path in (("plugins/loggers/csv/csv.cpp", "/src/host"), ("plugins/loggers/csv/csv.cpp", "/src"),
                             ("plugins/loggers/csv/csv.cpp", "/src/plugins/models/rcnn"), ("plugins/loggers/csv/csv.cpp", "../.."),
                             ("plugins/loggers/csv/tests/t.cpp", "/src/sdk/src"), ("sdk/src/torch/a.cpp", "/src/host"),
                             ("host/loops/a.cpp", "/src/host"), ("plugins/loggers/csv/csv.cpp", "x -isystem /src/host")):
            with self.subTest(source=source, path=path):
                self.assertEqual(len(self.problems_with(source, path)), 1)

    def test_a_portable_plugin_does_without_libtorch(self):
        with tempfile.TemporaryDirectory() as torch:
            os.mkdir(os.path.join(torch, "ATen"))
            entry = {"directory": "/src/build/dev", "file": "/src/plugins/a/b/b.cpp", "command": f"c++ -isystem {torch}"}
            for portable, expected in ((True, 1), (False, 0)):
                found = list(include_paths.problems_in("/src", [entry], lambda source, answer=portable: answer))
                self.assertEqual(len(found), expected, found)


if __name__ == "__main__":
    unittest.main()
