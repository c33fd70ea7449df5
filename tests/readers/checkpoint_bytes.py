"""A second reader of checkpoint files, without torch: the zip and its pickle, read with Python's own modules.

Tensors come out as (type, shape, list of numbers). Anything but plain data and tensors is refused.
"""
import array
import collections
import pickle
import zipfile

STORAGES = {"FloatStorage": "f", "DoubleStorage": "d", "IntStorage": "i", "LongStorage": "q", "BoolStorage": "?",
            "ByteStorage": "B"}
Tensor = collections.namedtuple("Tensor", "type shape values")


def strides_of(shape):
    strides = [1] * len(shape)
    for i in range(len(shape) - 2, -1, -1):
        strides[i] = strides[i + 1] * shape[i + 1]
    return tuple(strides)


def rebuild_tensor(storage, offset, shape, strides, *_):
    if tuple(strides) != strides_of(shape):
        raise ValueError(f"strides {strides} of shape {shape}: only contiguous tensors are expected in a checkpoint")
    size = 1
    for extent in shape:
        size *= extent
    return Tensor(storage[0], tuple(shape), storage[1][offset:offset + size])


class Unpickler(pickle.Unpickler):
    def __init__(self, file, archive, root):
        super().__init__(file)
        self.archive, self.root = archive, root

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return rebuild_tensor
        if module == "torch" and name in STORAGES:
            return name
        raise ValueError(f"the file asks for {module}.{name}")

    def persistent_load(self, key):
        kind, storage, name, _, n_values = key
        values = array.array(STORAGES[storage], self.archive.read(f"{self.root}/data/{name}"))
        if kind != "storage" or len(values) != n_values:
            raise ValueError(f"storage {name}: {len(values)} values, expected {n_values}")
        return storage, values.tolist()


def read(path):
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
        if damaged:
            raise ValueError(f"{path}: {damaged} is damaged")
        root = next(name for name in archive.namelist() if name.endswith("/data.pkl"))[:-len("/data.pkl")]
        if archive.read(f"{root}/byteorder") != b"little":
            raise ValueError(f"{path}: not little-endian")
        with archive.open(f"{root}/data.pkl") as file:
            return Unpickler(file, archive, root).load()
