"""What every learner has in common: one lock, and a state that can be copied, hashed and saved."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar, Concatenate, ParamSpec, Self, TypeVar

from quickstudy import snapshot
from quickstudy.errors import ModelFileError
from quickstudy.learners.lock import ReadWriteLock

DEFINITION = 2
"""The present definition of learning: raised whenever the same calls come to give other bits."""

Given = ParamSpec("Given")
Learner = TypeVar("Learner", bound="Kept")
Result = TypeVar("Result")


def atomic(
    method: Callable[Concatenate[Learner, Given], Result],
) -> Callable[Concatenate[Learner, Given], Result]:
    """A method that no call of another thread on the same learner overlaps."""

    @wraps(method)
    def locked(learner: Learner, /, *args: Given.args, **given: Given.kwargs) -> Result:
        with learner._lock:
            return method(learner, *args, **given)

    return locked


def shared(
    method: Callable[Concatenate[Learner, Given], Result],
) -> Callable[Concatenate[Learner, Given], Result]:
    """A method that changes nothing but caches: calls of several threads may overlap.

    No `atomic` call of another thread overlaps it. A cache is filled in one step, by an assignment
    or an entry in a dict, and whoever reads it keeps what it found.
    """

    @wraps(method)
    def locked(learner: Learner, /, *args: Given.args, **given: Given.kwargs) -> Result:
        with learner._lock.shared:
            return method(learner, *args, **given)

    return locked


class Kept:
    """A learner whose state goes into files and copies; every call that reads it takes its lock.

    The lock is no part of the state: whoever is copied, loaded or unpickled gets one of its own.
    """

    _NOUN: ClassVar[tuple[str, str]]  # its kind in files, and what an error calls it

    def __init__(self) -> None:
        self._lock: Any = ReadWriteLock()  # a method may call others of the same learner

    def _state(self) -> tuple[snapshot.Arrays, dict[str, Any]]:
        """The state as it is held, to be read under the lock alone."""
        raise NotImplementedError

    @classmethod
    def from_state(cls, arrays: snapshot.Arrays, plain: dict[str, Any]) -> Self:
        """The learner that gave this state; the arrays are copied."""
        raise NotImplementedError

    def _jobs(self) -> tuple[Any, ...]:
        """What it does for others that is no part of its state, for a copy."""
        return ()

    def _take_over(self, *duties: Any) -> Self:
        """The learner itself, with the duties of another one."""
        return self

    @shared
    def state(self) -> tuple[snapshot.Arrays, dict[str, Any]]:
        """All that later answers depend on: arrays by name, and plain values; a copy of both."""
        arrays, plain = self._state()
        return {name: array.copy() for name, array in arrays.items()}, deepcopy(plain)

    @shared
    def state_hash(self) -> str:
        """Digest of exactly what later answers depend on; 32 hex characters."""
        return self.hash_of(*self._state())

    @classmethod
    def hash_of(cls, arrays: snapshot.Arrays, plain: dict[str, Any]) -> str:
        """The `state_hash` of the learner that gave a state, also where an older version did."""
        return snapshot.digest(arrays, plain)

    @shared
    def copy(self) -> Self:
        """An independent learner in the same state, that defers and freezes what this one does."""
        return self.from_state(*self._state())._take_over(*self._jobs())

    def __reduce__(self) -> tuple[Any, ...]:
        return _revived, (type(self), *self._packed_deployed())

    @shared
    def _packed_deployed(self) -> tuple[Any, ...]:
        return self.packed(), *self._jobs()

    @shared
    def packed(self) -> bytes:
        """The learner as bytes: what `save` writes."""
        return snapshot.pack(*self._state())

    @classmethod
    def unpacked(cls, content: bytes) -> Self:
        """The learner that was `packed`.

        Raises:
            ModelFileError: the bytes are no whole model.
        """
        return cls._from(*snapshot.unpack(content), name="the packed model")

    def save(self, path: str | Path) -> None:
        """Write the learner to one file; an existing one is replaced only by a whole new one."""
        snapshot.write_whole(path, self.packed())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a learner back: it goes on bit for bit as if it had never stopped.

        Raises:
            FileNotFoundError, ModelFileError: there is no such file, or it is no whole model.
        """
        return cls._from(*snapshot.read_snapshot(path), name=str(path))

    @classmethod
    def _from(cls, arrays: snapshot.Arrays, plain: dict[str, Any], *, name: str) -> Self:
        kind, noun = cls._NOUN
        if plain.get("kind") != kind:
            raise ModelFileError(f"{name} holds a {plain.get('kind')}, not a {noun}")
        try:
            return cls.from_state(arrays, plain)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"{name} lacks a part of a {noun} ({error})") from error


def _revived(kind: type[Kept], packed: bytes, *duties: Any) -> Kept:
    """The twin that Python's `copy` and `pickle` make."""
    return kind.unpacked(packed)._take_over(*duties)
