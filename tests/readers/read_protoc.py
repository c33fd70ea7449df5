"""protoc decodes the bytes of a logger by a .proto of ours, and nothing is left that the .proto does not know.

    read_protoc.py <plugin> <its test program> <its .proto>
"""
import codecs
import glob
import os
import re
import sqlite3
import struct
import subprocess
import sys
import tempfile
import unittest

import programs

PLUGIN, PROGRAM, PROTO = sys.argv[1:4]
UNKNOWN = re.compile(r"^ *\d+(: | \{)", re.MULTILINE)  # what has no name is printed with its number


def varint(value):
    out = b""
    while value >= 0x80:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def decoded_text(message, content):
    done = subprocess.run([PROTOC, f"--proto_path={os.path.dirname(PROTO)}", f"--decode={PLUGIN}.{message}", PROTO], input=content,
                          capture_output=True)
    if done.returncode != 0:
        raise AssertionError(f"protoc cannot read a {message}: {done.stderr.decode()}")
    return done.stdout.decode()


def decode(message, content):
    """As dicts of lists. Nothing may be unknown."""
    text = decoded_text(message, content)
    if found := UNKNOWN.search(text):
        raise AssertionError(f"{message} has a field that the .proto does not know: {text[found.start():found.start() + 200]}")
    stack = [{}]
    for line in text.splitlines():
        line = line.strip()
        if line == "}":
            stack.pop()
        elif line.endswith(" {"):
            stack.append({})
            stack[-2].setdefault(line[:-2], []).append(stack[-1])
        else:
            name, value = line.split(": ", 1)
            stack[-1].setdefault(name, []).append(codecs.escape_decode(value[1:-1].encode())[0] if value.startswith('"') else value)
    return stack[0]


def events(run):
    """The records of an event file."""
    path, = glob.glob(os.path.join(FOLDER, run, "events.out.tfevents.*"))
    with open(path, "rb") as file:
        while header := file.read(12):
            yield file.read(struct.unpack("<Q", header[:8])[0])
            file.read(4)


def transactions(run):
    """The records of a transaction log."""
    path, = glob.glob(os.path.join(FOLDER, "wandb", f"offline-run-*-{run}", f"run-{run}.wandb"))
    with open(path, "rb") as file:
        data = file.read()
    at, record = 7, b""
    while at < len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        size, kind = struct.unpack_from("<HB", data, at + 4)
        record += data[at + 7:at + 7 + size]
        at += 7 + size
        if kind in (1, 4):
            yield record
            record = b""


def operations(run):
    path, = glob.glob(os.path.join(FOLDER, ".neptune", f"*_{run}_*", "run_operations.sqlite3"))
    with sqlite3.connect(path) as database:
        return database.execute("SELECT operation_type, operation FROM run_operations ORDER BY sequence_id").fetchall()


class Tensorboard:
    def all_of(self, run):
        return decode("All", b"".join(field(1, record) for record in events(run)))["record"]

    def values(self, run):
        return [(int(event.get("step", ["0"])[0]), value) for event in self.all_of(run) for summary in event.get("summary", [])
                for value in summary["value"]]

    def series(self, run, name):
        return [(step, float(value["tensor"][0]["float_val"][0] if "tensor" in value else value["simple_value"][0]))
                for step, value in self.values(run) if value["tag"][0] == name.encode()]

    def test_numbers(self):
        self.assertEqual([(step, struct.pack("f", value)) for step, value in self.series("good", "train/loss")],
                         [(step, struct.pack("f", 1 / (1 + step))) for step in range(50)])
        self.assertEqual([step for step, _ in self.series("torture", "unordered")], [5, 3, 9])
        self.assertEqual([str(value) for _, value in self.series("torture", "special")], ["nan", "inf", "-inf", "inf"])
        self.assertEqual(self.series("torture", "café \U0001F680"), [(0, 3)])

    def test_frame(self):
        first = self.all_of("good")[0]
        self.assertEqual((first["file_version"], first["source_metadata"][0]["writer"]), ([b"brain.Event:2"], [b"dvhost"]))

    def test_hyperparameters(self):
        contents = {value["tag"][0]: value["metadata"][0]["plugin_data"][0]["content"][0] for _, value in self.values("good")
                    if value["tag"][0].startswith(b"_hparams_")}
        start = contents[b"_hparams_/session_start_info"]["session_start_info"][0]
        given = {entry["key"][0]: entry["value"][0] for entry in start["hparams"]}
        self.assertEqual((given[b"lr"], given[b"deterministic"], given[b"model/type"]),
                         ({"number": ["0.1"]}, {"flag": ["true"]}, {"text": [b"rcnn"]}))
        self.assertEqual(contents[b"_hparams_/session_end_info"]["session_end_info"][0]["status"], ["SUCCESS"])

    def test_layout(self):
        text, = (value["tensor"][0]["string_val"][0] for _, value in self.values("good")
                 if value["tag"] == [b"custom_scalars__config__"])
        chart = decode("Layout", text)["category"][0]["chart"][0]
        self.assertEqual((chart["title"], chart["multiline"][0]["tag"]), ([b"both"], [b"train/.*", b"val/.*"]))

    def test_a_histogram_and_a_picture(self):
        tensors = {value["tag"][0]: value["tensor"][0] for _, value in self.values("good") if value["tag"][0] in (b"weights", b"pixel")}
        self.assertEqual([dim["size"] for dim in tensors[b"weights"]["shape"][0]["dim"]], [["4"], ["3"]])
        self.assertEqual(tensors[b"pixel"]["string_val"][:2], [b"1", b"1"])


class Wandb:
    def all_of(self, run):
        return decode("All", b"".join(field(1, record) for record in transactions(run)))["record"]

    def rows(self, run):
        return [{item["nested_key"][0].decode(): item["value_json"][0].decode() for item in record["history"][0]["item"]}
                for record in self.all_of(run) if "history" in record]

    def test_numbers(self):
        rows = self.rows("good")[:50]
        self.assertEqual([(int(row["trainer/global_step"]), float(row["train/loss"])) for row in rows],
                         [(step * 10, 1 / (1 + step)) for step in range(50)])
        odd = self.rows("odd")
        self.assertEqual(float(odd[0]["café \U0001F680"]), 3)
        self.assertEqual([odd[1][name] for name in ("nan", "inf", "down")], ["NaN", "Infinity", "-Infinity"])
        self.assertEqual(odd[5]["long"], '"' + "x" * 90000 + '"')

    def test_frame(self):
        records = self.all_of("good")
        self.assertEqual([int(record["num"][0]) for record in records], list(range(1, len(records) + 1)))
        kinds = [next(name for name in record if name not in ("num", "info")) for record in records]
        self.assertEqual((kinds[:3], kinds[-3:]), (["header", "run", "environment"], ["summary", "exit", "final"]))
        run = records[1]["run"][0]
        self.assertEqual((run["display_name"], run["tags"], run["start_time"][0]["seconds"]),
                         (["a café".encode()], [b"x", b"y z"], ["1700000000"]))

    def test_files(self):
        files = [record["files"][0]["files"][0] for record in self.all_of("good") if "files" in record]
        self.assertEqual(sorted(file.get("type", ["OTHER"])[0] for file in files), ["MEDIA", "OTHER"])  # an image, a checkpoint


class Neptune:
    def all_of(self, run):
        return decode("All", b"".join(field(1 if kind == 1 else 2, operation) for kind, operation in operations(run)))

    def series(self, run, name):
        return [(int(update["step"][0].get("whole", ["0"])[0]), entry["value"][0])
                for update in self.all_of(run)["record"] for entry in update.get("append", []) if entry["key"] == [name.encode()]]

    def test_numbers(self):
        self.assertEqual([(step, float(value["float64"][0])) for step, value in self.series("good", "training/loss")],
                         [(step * 10, 1 / (1 + step)) for step in range(50)])
        self.assertEqual([step for step, _ in self.series("odd", "training/unordered")], [5, 3, 9])
        self.assertEqual(self.series("odd", "training/large"), [(0, {"float64": ["1e+308"]})])

    def test_frame(self):
        self.assertEqual(self.all_of("good")["run"][0],
                         {"run_id": [b"good"], "creation_time": [{"seconds": ["1700000000"]}], "family": [b"good"],
                          "experiment_id": [b"e"]})

    def test_attributes(self):
        updates = self.all_of("good")["record"]
        given = {entry["key"][0]: entry["value"][0] for update in updates for entry in update.get("assign", [])}
        self.assertEqual([given[b"training/hyperparameters/" + name] for name in (b"seed", b"lr", b"model/type")],
                         [{"int64": ["7"]}, {"float64": ["0.1"]}, {"string": [b"rcnn"]}])
        tags = [entry for update in updates for entry in update.get("modify_sets", [])]
        self.assertEqual(tags[0]["value"][0]["string"][0]["values"], [{"key": [b"x"], "value": ["ADD"]}])
        histogram = self.series("good", "training/weights")[0][1]["histogram"][0]
        self.assertEqual((histogram["bin_edges"], histogram["counts"][0]["values"]), (["-1", "0", "1"], ["1", "300"]))


class ProtocTest({"tensorboard": Tensorboard, "wandb": Wandb, "neptune": Neptune}[PLUGIN], unittest.TestCase):
    def test_a_field_that_the_proto_does_not_know_is_noticed(self):
        whole = field(1 if PLUGIN != "neptune" else 2, varint(999 << 3) + varint(5))
        self.assertIn("999: 5", decoded_text("All", whole))
        with self.assertRaisesRegex(AssertionError, "does not know: *999"):
            decode("All", whole)
        with self.assertRaisesRegex(AssertionError, "cannot read"):
            decode("All", whole[:-1])


if __name__ == "__main__":
    PROTOC = programs.require("protoc", package="protobuf-compiler")
    with tempfile.TemporaryDirectory() as FOLDER:
        subprocess.run([PROGRAM, "--gtest_filter=*ForReaders"], check=True, stdout=subprocess.DEVNULL,
                       env=dict(os.environ, DV_READER_DIR=FOLDER))
        unittest.main(argv=sys.argv[:1])
