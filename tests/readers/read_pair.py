"""Two loggers of one kind in one run: the tool reads the same from both.

    read_pair.py <logger> <dvhost> <manifest>
"""
import glob
import os
import sys
import tempfile
import unittest

import quickstart
import series

LOGGER = sys.argv[1]
READER = series.reader_of(LOGGER)


class PairTest(unittest.TestCase):
    def test_both_hold_everything(self):
        with tempfile.TemporaryDirectory() as folder:
            second = os.path.join(folder, "second")
            with open(sys.argv[3], encoding="utf-8") as file:
                manifest = file.read()
            place = f'path = "{second}.sqlite"' if LOGGER == "sqlite" else f'save_dir = "{second}"'
            options = [option.removeprefix("logger.0.") for option in READER.options]
            sys.argv[3] = os.path.join(folder, "pair.toml")
            with open(sys.argv[3], "w", encoding="utf-8") as file:
                file.write("\n".join([manifest, "[[logger]]", f'type = "{LOGGER}"', place, *options, ""]))
            first = "console" if LOGGER == "jsonl" else LOGGER  # the manifest has one of those already
            version, rows = quickstart.run(os.path.join(folder, "runs"), first, *READER.options)
            expected = [(step, value) for step, name, value in rows if name == series.SERIES]
            self.assertGreater(len(expected), 3)
            above = sorted(glob.glob(os.path.join(second, "**", "version_*"), recursive=True)) or [second]
            for place in (version, above[-1]):
                found = [point[:2] for point in READER.points(place, True)]
                self.assertEqual([step for step, _ in found], [step for step, _ in expected], place)
                for (_, ours), (_, theirs) in zip(expected, found):
                    self.assertAlmostEqual(ours, theirs, delta=1e-6 * abs(ours))  # some keep 32 bits


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
