"""What the tools read of a run whose process was killed: before `dvhost logs recover`, and after it.

    read_killed.py <logger> <dvhost> <manifest>

Before, a tool must read a beginning of what was logged, and not stumble over the end. After, it must read all of it, and that must
reach up to the kill: its newest row may be 100 ms older, and what the run itself let pass between two rows. On a busy machine a run may
stand still for longer than that at the very moment; so the bound holds for each kill with the run's own longest pause added, and
for the median of the kills without.
"""
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import unittest

import quickstart
import series

LOGGER = sys.argv[1]
N_KILLS = 5
OLDEST = 0.1  # [s]
READER = series.reader_of(LOGGER)


def killed_run(folder, seconds):
    """Starts a run that never ends, kills it so long after its first row; when that was, and the run's folder."""
    version = os.path.join(folder, "version_0")
    metrics = os.path.join(version, "metrics.jsonl")
    first = "console" if LOGGER == "jsonl" else LOGGER  # the manifest has one of those already
    process = quickstart.launch(folder, first, "trainer.max_epochs=-1", 'run.stages=["fit"]', "data.n_train=640",
                                "callback.0.save_last=false", *READER.options)
    deadline = time.monotonic() + 120
    while not (os.path.exists(metrics) and os.path.getsize(metrics)):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise RuntimeError("the run logs nothing: " + process.communicate()[1])
        time.sleep(0.01)
    time.sleep(seconds)
    at = time.time()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return at, version


class KilledTest(unittest.TestCase):
    def check(self, folder, seconds):
        """How many rows are read before, the age of the newest that is read after, and the longest pause between two; ages only with times."""
        at, version = killed_run(folder, seconds)
        before = READER.points(version, False)
        done = subprocess.run([sys.argv[2], "logs", "recover", version], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        after = READER.points(version, True)
        self.assertEqual([point[:2] for point in before], [point[:2] for point in after[:len(before)]])
        expected = [(step, value) for step, name, value in quickstart.rows_of(version) if name == series.SERIES]
        self.assertEqual([step for step, _ in expected], list(range(len(expected))))
        self.assertEqual(len(after), len(expected))
        for point, (step, value) in zip(after, expected):
            self.assertEqual(point[0], step)
            self.assertAlmostEqual(point[1], value, delta=1e-6 * abs(value))  # some keep 32 bits
        times = [point[2] for point in after if len(point) > 2]
        return len(before), at - times[-1] if times else None, max((b - a for a, b in zip(times, times[1:])), default=None)

    def test_nothing_that_was_logged_is_lost(self):
        moments = random.Random(7)
        found = []
        for _ in range(N_KILLS):
            with tempfile.TemporaryDirectory() as folder:
                found.append(self.check(folder, moments.uniform(0.3, 3)))
        print(f"{LOGGER}: rows before recover: {[n for n, _, _ in found]}")
        self.assertTrue(any(n for n, _, _ in found), "no kill came late enough to show something")
        if found[0][1] is None:
            return
        print("age of the newest row at the kill, and the longest pause of the run [ms]: "
              + ", ".join(f"{1000 * age:.1f} ({1000 * pause:.1f})" for _, age, pause in found))
        for _, age, pause in found:
            self.assertLess(age, OLDEST + pause)
        self.assertLess(statistics.median(age for _, age, _ in found), OLDEST)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
