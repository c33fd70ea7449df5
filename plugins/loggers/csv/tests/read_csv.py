"""Reads the csv plugin's files with Python's csv module and with pandas. Argument: the plugin's test program."""
import csv
import math
import os
import subprocess
import sys
import tempfile

import pandas
import yaml

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


def check_torture(folder):
    """As common/tests/torture.py has it; a cell that is empty and one that is NaN are one to pandas."""
    table = pandas.read_csv(os.path.join(folder, "torture.csv"))
    assert table["step"].tolist() == [7, 3, 3, 5, *range(10, 110)] and table["epoch"].tolist() == [0, 0] + [1] * 102
    assert table["late"].tolist()[0] == 1e308 and table["late"].tolist()[2] == -1e308 and table["late"].count() == 2
    assert table["up"][3] == math.inf and table["down"][3] == -math.inf and table["none"].count() == 0
    for i in range(10_000):
        column = table[f"\u00fc space/{i}"]
        assert column.count() == 101 and column[1] == i + 0.5 and (column[4:] == i + 0.5).all(), i
    with open(os.path.join(folder, "hparams.yaml"), encoding="utf-8") as file:
        assert yaml.safe_load(file) == {"lr": 1e-7, "on": "yes", "model": {"layer": [{"name": 'V1: "x"'}]}}


with tempfile.TemporaryDirectory() as folder:
    write_sample(sys.argv[1], folder)
    check_wide(read(os.path.join(folder, "wide.csv")))
    check_long(read(os.path.join(folder, "long.csv")))
    check_torture(folder)
print("csv: both layouts read back, by csv and by pandas")
