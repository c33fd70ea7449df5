"""Reads the sqlite plugin's file with Python's sqlite3 module. Argument: the plugin's test program."""
import json
import os
import sqlite3
import subprocess
import sys
import tempfile

sys.path.append(os.path.join(os.path.dirname(__file__), os.pardir, os.pardir, "common", "tests"))
import torture

with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.argv[1], "--gtest_filter=*SampleForReaders"], check=True, stdout=subprocess.DEVNULL,
                   env=dict(os.environ, DV_READER_DIR=folder))
    database = sqlite3.connect(os.path.join(folder, "sample.sqlite"))
    losses = database.execute("SELECT step, epoch, value FROM metrics WHERE name = 'train/loss'").fetchall()
    odd = database.execute("SELECT DISTINCT value FROM metrics WHERE name = ?", ('odd "name"\n',)).fetchall()
    params = {name: json.loads(value) for name, value in database.execute("SELECT name, value FROM params")}
    runs = database.execute("SELECT tags, outcome FROM runs").fetchall()
    database.close()
    tortured = {}
    with sqlite3.connect(os.path.join(folder, "torture.sqlite")) as database:
        for name, *point in database.execute("SELECT name, step, epoch, value FROM metrics ORDER BY n"):
            tortured.setdefault(name, []).append(tuple(point))
    torture.check(tortured)

assert losses == [(step, step // 100, 1.0 / (1 + step)) for step in range(1000)]
assert odd == [(None,)], odd
assert params == {"model.name": "caf\u00e9"}, params
assert runs == [('["x"]', "success")], runs
print("sqlite: every number read back")
