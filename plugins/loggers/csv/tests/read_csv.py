"""Reads the csv plugin's files with Python's csv module. Argument: the plugin's test program."""
import csv
import math
import os
import subprocess
import sys
import tempfile

ODD = 'odd "name", really\nyes'


def write_sample(program, folder):
    subprocess.run([program, "--gtest_filter=*SampleForReaders"], check=True, stdout=subprocess.DEVNULL,
                   env=dict(os.environ, DV_READER_DIR=folder))


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def check_wide(rows):
    assert list(rows[0]) == sorted(["epoch", "step", "train/loss", "val/loss", "caf\u00e9", ODD]), list(rows[0])
    assert [row["step"] for row in rows] == ["0", "50", "50"]
    assert [row["epoch"] for row in rows] == ["0", "0", ""]
    assert float(rows[0]["train/loss"]) == 0.1 and float(rows[0][ODD]) == 1e-300
    assert math.isnan(float(rows[1]["train/loss"])) and float(rows[1]["caf\u00e9"]) == math.inf
    assert float(rows[2]["val/loss"]) == -math.inf and rows[2]["train/loss"] == ""


def check_long(rows):
    assert list(rows[0]) == ["wall_time", "step", "epoch", "key", "value"]
    assert [row["key"] for row in rows] == ["train/loss", ODD, "train/loss", "caf\u00e9", "val/loss"]
    assert float(rows[0]["wall_time"]) == 1700000000.125 and float(rows[0]["value"]) == 0.1
    assert rows[4]["epoch"] == "" and float(rows[4]["value"]) == -math.inf


with tempfile.TemporaryDirectory() as folder:
    write_sample(sys.argv[1], folder)
    check_wide(read(os.path.join(folder, "wide.csv")))
    check_long(read(os.path.join(folder, "long.csv")))
print("csv: both layouts read back")
