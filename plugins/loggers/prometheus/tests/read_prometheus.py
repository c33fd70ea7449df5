"""Reads the prometheus plugin's texts with the parsers of Prometheus' client library. Argument: the plugin's test program."""
import math
import os
import subprocess
import sys
import tempfile

from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics


def values(families):
    return {sample.labels.get("name", sample.name): (sample.name, sample.value, sample.labels["run"])
            for family in families for sample in family.samples}


with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.argv[1], "--gtest_filter=*SampleForReaders"], check=True, stdout=subprocess.DEVNULL,
                   env=dict(os.environ, DV_READER_DIR=folder))
    texts = {}
    for name in ("sample.prom", "sample.openmetrics"):
        with open(os.path.join(folder, name), encoding="utf-8", newline="") as file:
            texts[name] = file.read()

for found in (values(parser.text_string_to_metric_families(texts["sample.prom"])),
              values(openmetrics.text_string_to_metric_families(texts["sample.openmetrics"]))):
    assert found["train/loss"] == ("dvhost_train_loss", 0.1, "run 1"), found["train/loss"]
    assert found['odd "name"\n\\'][1] == 1e308
    assert math.isnan(found["nan"][1]) and found["down"][1] == -math.inf and found["\U0001F680"][1] == 5e-324
    assert all(found[f"many/{i}"] == (f"dvhost_many_{i}", float(i), "run 1") for i in range(10_000))
    assert found["dvhost_run_step"][1] == 8 and found["dvhost_run_epoch"][1] == 2 and found["dvhost_run_rows_total"][1] == 2
print("prometheus: both formats read back")
