"""Reads the neptune plugin's files with neptune-scale's own reader of them. Arguments: see tests/readers/quickstart.py."""
import glob
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from neptune_scale.sync import operations_repository
from neptune_scale.sync.operations_repository import OperationsRepository, OperationType

sys.path.append(os.path.join(os.path.dirname(__file__), *[os.pardir] * 4, "tests", "readers"))
import quickstart  # noqa: E402


class File:
    """Everything of a file; operations in their order."""

    def __init__(self, path):
        repository = OperationsRepository(Path(path))
        self.metadata = repository.get_metadata()
        self.sequence = repository.get_operations_sequence_id_range()
        self.operations, last = [], None
        while batch := repository.get_operations(up_to_bytes=1 << 24, from_exclusive=last):
            self.operations += batch
            last = batch[-1].sequence_id
        self.uploads = repository.get_file_upload_requests(100)
        repository.close(cleanup_files=False)
        self.updates = [op.operation for op in self.operations if op.operation_type == OperationType.UPDATE_SNAPSHOT]
        self.series = {}
        for update in self.updates:
            for path, value in update.append.items():
                number = value.float64 if value.HasField("float64") else value
                self.series.setdefault(path, []).append((update.step.whole, number))
        self.attributes = {path: getattr(value, value.WhichOneof("value")) for update in self.updates
                           for path, value in update.assign.items()}


def path_of(run):
    path, = glob.glob(os.path.join(FOLDER, ".neptune", f"*_{run}_*", "run_operations.sqlite3"))
    return path


class RepositoryTest(unittest.TestCase):
    def test_what_our_writer_relies_on_has_not_changed(self):
        self.assertEqual(operations_repository.DB_VERSION, "v5")
        self.assertEqual((int(OperationType.UPDATE_SNAPSHOT), int(OperationType.CREATE_RUN)), (0, 1))

    def test_metadata_and_order(self):
        good = File(path_of("good"))
        self.assertEqual((good.metadata.project, good.metadata.run_id), ("ws/café", "good"))
        self.assertEqual([op.sequence_id for op in good.operations], list(range(1, len(good.operations) + 1)))
        self.assertEqual(tuple(good.sequence), (1, len(good.operations)))
        create = good.operations[0]
        self.assertEqual((create.operation_type, create.operation.run_id, create.operation.experiment_id, create.operation.family),
                         (OperationType.CREATE_RUN, "good", "e", "good"))
        self.assertEqual(create.operation.creation_time.seconds, 1700000000)

    def test_series_and_attributes(self):
        good = File(path_of("good"))
        self.assertEqual(good.series["training/loss"], [(step * 10, 1 / (1 + step)) for step in range(50)])
        self.assertEqual([value for _, value in good.series["training/epoch"]], [step // 10 for step in range(50)])
        self.assertEqual([good.attributes["training/hyperparameters/" + name] for name in ("seed", "lr", "model/type")], [7, 0.1, "rcnn"])
        self.assertEqual(good.attributes["sys/dvhost/outcome"], "success")
        self.assertEqual(good.series["training/note"][0][1].string, "hello café")
        histogram = good.series["training/weights"][0][1].histogram
        self.assertEqual((list(histogram.bin_edges), list(histogram.counts.values)), ([-1, 0, 1], [1, 300]))
        tags = [update.modify_sets["sys/tags"].string.values for update in good.updates if "sys/tags" in update.modify_sets]
        self.assertEqual([dict(tag) for tag in tags], [{"x": 1}])

    def test_files(self):
        good = File(path_of("good"))
        upload, = good.uploads
        reference = good.attributes["training/files/checkpoint/last.json"]
        self.assertEqual((reference.path, reference.size_bytes, reference.mime_type), (upload.destination, 2, "application/json"))
        self.assertEqual((upload.size_bytes, upload.mime_type, upload.is_temporary), (2, "application/json", True))
        with open(upload.source_path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "{}")

    def test_odd_names_and_values(self):
        odd = File(path_of("odd"))
        for name, value in (("a b", 1), ("sl/a/sh", 2), ("\U0001F680", 3), ("large", 1e308)):
            self.assertEqual(odd.series["training/" + name], [(0, value)])
        self.assertNotIn("training/nan", odd.series)
        self.assertEqual([step for step, _ in odd.series["training/unordered"]], [5, 3, 9])

    def test_a_million_scalars_of_ten_thousand_names(self):
        many = File(path_of("many"))
        self.assertEqual(len(many.series), 10000)
        for i in (0, 777, 9999):
            self.assertEqual(many.series[f"training/metric/{i}"], [(step, i + step / 128) for step in range(100)])

    def test_a_quickstart_run(self):
        with tempfile.TemporaryDirectory() as folder:
            version, rows = quickstart.run(folder, "neptune")
            path, = glob.glob(os.path.join(version, ".neptune", "*", "run_operations.sqlite3"))
            read = File(path)
        for name in {name for _, name, _ in rows}:
            self.assertEqual(read.series["training/" + name], [(step, value) for step, n, value in rows if n == name], name)
        self.assertEqual(read.attributes["training/hyperparameters/run/seed"], 7)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as FOLDER:
        subprocess.run([sys.argv[1], "--gtest_filter=*ForReaders"], check=True, stdout=subprocess.DEVNULL,
                       env=dict(os.environ, DV_READER_DIR=FOLDER))
        unittest.main(argv=sys.argv[:1])
