"""A torch checkpoint as data: no name in its pickle is ever looked up, so none of its code can run.

    pickled, tensor_bytes = checkpoint.read("yolov10n.pt")
    conv = checkpoint.module(pickled["model"], "model.0.conv")
    conv.state["_parameters"]["weight"]           # a Tensor

Needs nothing but the standard library.
"""
import collections
import pickle
import zipfile

Storage = collections.namedtuple("Storage", "kind key")  # kind: "HalfStorage"; key: name of its zip entry
Tensor = collections.namedtuple("Tensor", "storage offset shape stride")  # in elements, as torch's own


class Inert:
    """Stands for an object of a class that is not known here: holds the state that the pickle gives it."""

    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)

    def __init__(self, *args, **kwargs):
        self.state = {}

    def __setstate__(self, state):
        self.state = state


def _rebuild_tensor(storage, offset, shape, stride, *_):
    return Tensor(storage, offset, tuple(shape), tuple(stride))


def _rebuild_parameter(data, *_):
    return data


KNOWN = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module, name):
        if module == "torch" and name.endswith("Storage"):
            return name
        return KNOWN.get((module, name)) or type(name, (Inert,), {})

    def persistent_load(self, pid):
        tag, kind, key, _location, _elements = pid
        if tag != "storage":
            raise ValueError(f"a persistent object of kind {tag}")
        return Storage(kind, key)


def read(path):
    """(what is pickled, function from a Storage to its bytes). Raises ValueError if the file is not a checkpoint."""
    try:
        archive = zipfile.ZipFile(path)
        name = next(n for n in archive.namelist() if n == "data.pkl" or n.endswith("/data.pkl"))
        with archive.open(name) as f:
            pickled = _Reader(f).load()
    except (StopIteration, zipfile.BadZipFile, pickle.UnpicklingError, AttributeError, EOFError, TypeError) as e:
        raise ValueError(f"{path}: not a checkpoint: {e!r}") from e
    folder = name[: -len("data.pkl")]
    return pickled, lambda storage: archive.read(f"{folder}data/{storage.key}")


def module(root, path):
    """The module at "model.0.conv" below root."""
    for part in path.split("."):
        root = root.state["_modules"][part]
    return root
