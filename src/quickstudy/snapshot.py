"""Snapshots: arrays and plain values in one safetensors file, with schema version and checksum.

This module does the only I/O of the lower floors. A file is written to a temporary name in the same
folder, synced and renamed, so that a crash leaves the old file or the new one.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from quickstudy.errors import ModelFileError

SCHEMA = 1
SCHEMA_KEY = "quickstudy_schema"
Arrays = dict[str, NDArray[Any]]


def digest(arrays: Arrays, plain: dict[str, Any]) -> str:
    """BLAKE2b digest of all names, types, shapes, bytes and plain values; 32 hex characters.

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


def flattened(value: Any) -> tuple[Arrays, Any]:
    """A nested state as arrays by path, and plain values that refer to the arrays by path.

    >>> arrays, plain = flattened({"a": [np.zeros(2), 1]})
    >>> plain, nested(arrays, plain)["a"][0].tolist()
    ({'a': [{'array': '/a/0'}, 1]}, [0.0, 0.0])
    """
    arrays: Arrays = {}
    return arrays, _without_arrays(value, "", arrays)


def _without_arrays(value: Any, path: str, arrays: Arrays) -> Any:
    if isinstance(value, np.ndarray):
        arrays[path] = value
        return {"array": path}
    if isinstance(value, dict):
        return {k: _without_arrays(v, f"{path}/{k}", arrays) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_arrays(v, f"{path}/{i}", arrays) for i, v in enumerate(value)]
    return value.item() if isinstance(value, np.generic) else value


def nested(arrays: Mapping[str, NDArray[Any]], plain: Any) -> Any:
    """The nested state: inverse of `flattened`."""
    if isinstance(plain, dict):
        if set(plain) == {"array"}:
            return arrays[plain["array"]]
        return {k: nested(arrays, v) for k, v in plain.items()}
    if isinstance(plain, list):
        return [nested(arrays, v) for v in plain]
    return plain


def pack(arrays: Arrays, plain: dict[str, Any]) -> bytes:
    """The bytes of a snapshot file."""
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    header = {
        SCHEMA_KEY: str(SCHEMA),
        "plain": _json(plain),
        "checksum": digest(arrays, plain | {SCHEMA_KEY: SCHEMA}),
    }
    return save(arrays, metadata=header)


def write_snapshot(path: str | Path, arrays: Arrays, plain: dict[str, Any]) -> None:
    """Write a snapshot to `path`; a file that is there is replaced once the new one is on disk."""
    write_whole(path, pack(arrays, plain))


def write_whole(path: str | Path, content: bytes) -> None:
    """Write a temporary file in the same folder, sync it, rename it to `path`, sync the folder."""
    target = Path(path)
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
    sync_folder(target.parent)


def make_folder(path: str | Path) -> None:
    """Make a folder with permissions for its owner only, and sync its parent."""
    Path(path).mkdir(mode=0o700, parents=True, exist_ok=True)
    sync_folder(Path(path).parent)


def sync_folder(path: Path) -> None:
    """Sync a folder, so that a new name in it survives a power failure."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_snapshot(path: str | Path) -> tuple[Arrays, dict[str, Any]]:
    """Read a snapshot file.

    Raises:
        FileNotFoundError: there is no such file.
        ModelFileError: it is not a snapshot, truncated, damaged, or of a newer schema.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no model file {path}")
    return unpack(Path(path).read_bytes(), name=str(path))


def read_plain(path: str | Path) -> dict[str, Any]:
    """The plain values of a snapshot, without reading its arrays or checking its checksum.

    Raises:
        ModelFileError: the header of the file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return _plain(file)
    except (OSError, KeyError, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise ModelFileError(f"{path} is no model file of quickstudy ({error})") from error


def unpack_plain(content: bytes) -> dict[str, Any]:
    """The plain values of a packed snapshot, without reading its arrays or checking its checksum.

    Raises:
        ModelFileError: the header cannot be read.
    """
    try:
        return _plain(io.BytesIO(content))
    except (KeyError, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise ModelFileError(f"the snapshot is no model file of quickstudy ({error})") from error


def _plain(file: IO[bytes]) -> dict[str, Any]:
    head = file.read(int.from_bytes(file.read(8), "little"))
    plain: dict[str, Any] = json.loads(json.loads(head)["__metadata__"]["plain"])
    return plain


def unpack(content: bytes, *, name: str = "the snapshot") -> tuple[Arrays, dict[str, Any]]:
    """Arrays and plain values of a packed snapshot.

    Raises:
        ModelFileError: it is not a snapshot, truncated, damaged, or of a newer schema.
    """
    try:
        size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + size])["__metadata__"]
        _check_schema(name, header)
        arrays = load(content)
        plain, checksum = json.loads(header["plain"]), header["checksum"]
    except (SafetensorError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise ModelFileError(
            f"{name} is no model file of quickstudy, or it is cut short or damaged ({error})"
        ) from error
    if digest(arrays, plain | {SCHEMA_KEY: int(header[SCHEMA_KEY])}) != checksum:
        raise ModelFileError(f"{name} is damaged: its checksum does not match its content")
    return arrays, plain


def _check_schema(name: str, header: dict[str, str]) -> None:
    found = header[SCHEMA_KEY]
    if int(found) > SCHEMA:
        raise ModelFileError(
            f"{name} has schema version {found}; this quickstudy reads up to {SCHEMA}: upgrade it"
        )


def _json(plain: dict[str, Any]) -> str:
    return json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
