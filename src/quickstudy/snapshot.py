"""Save and load: arrays and plain values in one safetensors file, with schema version and checksum.

The only I/O of the lower floors. A file is written beside its target, synced, and renamed, so that
a crash leaves the old file or the new one.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from quickstudy.errors import ModelFileError

SCHEMA = 1
SCHEMA_KEY = "quickstudy_schema"
Arrays = dict[str, NDArray[Any]]


def digest(arrays: Arrays, plain: dict[str, Any]) -> str:
    """BLAKE2b of all names, types, shapes, bytes and plain values; 32 hex characters.

    >>> digest({"a": np.zeros(2)}, {}) == digest({"a": np.zeros(2)}, {"b": 1})
    False
    """
    h = hashlib.blake2b(digest_size=16)
    h.update(_json(plain).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        h.update(f"{name}{array.dtype.str}{array.shape}".encode())
        h.update(array.tobytes())
    return h.hexdigest()


def write_snapshot(path: str | Path, arrays: Arrays, plain: dict[str, Any]) -> None:
    """Write a snapshot to `path`, replacing what is there only once all of it is on disk."""
    target = Path(path)
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    header = {
        SCHEMA_KEY: str(SCHEMA),
        "plain": _json(plain),
        "checksum": digest(arrays, plain | {SCHEMA_KEY: SCHEMA}),
    }
    content = save(arrays, metadata=header)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_snapshot(path: str | Path) -> tuple[Arrays, dict[str, Any]]:
    """Read a snapshot back.

    Raises:
        FileNotFoundError: there is no such file.
        ModelFileError: it is no snapshot, cut short, damaged, or of a newer schema.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no model file {path}")
    try:
        with safe_open(str(path), framework="numpy") as file:
            header = file.metadata() or {}
            _check_schema(path, header)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        plain, checksum = json.loads(header["plain"]), header["checksum"]
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise ModelFileError(
            f"{path} is no model file of quickstudy, or it is cut short or damaged ({error})"
        ) from error
    if digest(arrays, plain | {SCHEMA_KEY: int(header[SCHEMA_KEY])}) != checksum:
        raise ModelFileError(f"{path} is damaged: its checksum does not match its content")
    return arrays, plain


def _check_schema(path: str | Path, header: dict[str, str]) -> None:
    found = header[SCHEMA_KEY]
    if int(found) > SCHEMA:
        raise ModelFileError(
            f"{path} has schema version {found}; this quickstudy reads up to {SCHEMA}: upgrade it"
        )


def _json(plain: dict[str, Any]) -> str:
    return json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
