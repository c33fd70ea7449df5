"""Reads the jsonl plugin's file with Python's json module. Argument: the plugin's test program."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.append(os.path.join(os.path.dirname(__file__), os.pardir, os.pardir, "common", "tests"))
import torture


def refuse(token):
    raise AssertionError("no JSON: " + token)


with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.argv[1], "--gtest_filter=*SampleForReaders"], check=True, stdout=subprocess.DEVNULL,
                   env=dict(os.environ, DV_READER_DIR=folder))
    with open(os.path.join(folder, "metrics.jsonl"), encoding="utf-8") as file:
        text = file.read()
    tortured = {}
    with open(os.path.join(folder, "torture.jsonl"), encoding="utf-8") as file:
        for line in file:
            row = json.loads(line, parse_constant=refuse)
            step, epoch = row.pop("step"), row.pop("epoch")
            for name, value in row.items():
                tortured.setdefault(name, []).append((step, epoch, float(value)))  # "NaN", "Infinity" are texts
    torture.check(tortured)

rows = [json.loads(line, parse_constant=refuse) for line in text.splitlines()]  # splits at U+2028 and its like, too
assert rows[0] == {"hyperparameters": {
    "run": {"name": "caf\u00e9 \u201cx\u201d", "seed": 42}, "stages": ["fit", "test"], "lr": 2e-4, "limit": "Infinity",
    "deterministic": True, "callback": [{"type": "checkpoint", "save_top_k": -1}]}}, rows[0]
assert rows[1] == {"step": 0, "epoch": 0, "train/loss": 0.1, 'odd "name"\n\u2028\\': 1e-300}, rows[1]
assert rows[2] == {"step": 50, "val/loss": "NaN", "up": "Infinity", "down": "-Infinity"}, rows[2]
assert rows[3] == {"step": 50, "text": {"note": "tab\there, nul\0, \U0001F680, broken \ufffd\ufffd"}}, rows[3]
assert rows[4] == {"artifact": {"checkpoint": "checkpoints/epoch=0.ckpt"}}, rows[4]
assert len(rows) == 5
print("jsonl: every line read back")
