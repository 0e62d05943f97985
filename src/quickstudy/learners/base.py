"""What every learner has in common: one protocol, one lock, and a state that goes into files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar, Concatenate, ParamSpec, Protocol, Self, TypeVar

from quickstudy import snapshot
from quickstudy.errors import ModelFileError
from quickstudy.learners.lock import ReadWriteLock
from quickstudy.types import Label, Prediction, PredictionBatch

DEFINITION = 2
"""The present definition of learning; raise it when the same calls lead to different bits."""

Arguments = ParamSpec("Arguments")
AnySaved = TypeVar("AnySaved", bound="Saved")
Result = TypeVar("Result")


class Learner(Protocol):
    """The contract of every learner, whatever it decides: a state that is hashed, saved, copied."""

    @property
    def definition(self) -> int: ...
    @property
    def size_bytes(self) -> int: ...
    def state(self) -> tuple[snapshot.Arrays, dict[str, Any]]: ...
    @classmethod
    def from_state(cls, arrays: snapshot.Arrays, plain: dict[str, Any]) -> Self: ...
    def state_hash(self) -> str: ...
    @classmethod
    def hash_of(cls, arrays: snapshot.Arrays, plain: dict[str, Any]) -> str: ...
    def copy(self) -> Self: ...
    def packed(self) -> bytes: ...
    @classmethod
    def unpacked(cls, content: bytes) -> Self: ...
    def save(self, path: str | Path) -> None: ...
    @classmethod
    def load(cls, path: str | Path) -> Self: ...


class Predictor(Protocol):
    """What predicts a label and learns from it: all that a simulation needs of a learner."""

    def predict(self, x: Any) -> Prediction: ...
    def learn(self, x: Any, y: Label, *, prediction: Prediction | None = None) -> Any: ...


class StreamPredictor(Predictor, Protocol):
    """A predictor that also takes batches: what a prequential evaluation needs of a learner."""

    def test_then_train(self, xs: Sequence[Any], ys: Sequence[Label]) -> PredictionBatch: ...


def atomic(
    method: Callable[Concatenate[AnySaved, Arguments], Result],
) -> Callable[Concatenate[AnySaved, Arguments], Result]:
    """Make a method hold the learner's lock while it runs."""

    @wraps(method)
    def locked(learner: AnySaved, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with learner._lock:
            return method(learner, *args, **kwargs)

    return locked


def shared(
    method: Callable[Concatenate[AnySaved, Arguments], Result],
) -> Callable[Concatenate[AnySaved, Arguments], Result]:
    """A method that changes nothing but caches: calls of several threads may overlap.

    No `atomic` call of another thread overlaps it. A cache is filled in one step, by an assignment
    or an entry in a dict, and whoever reads it keeps what it found.
    """

    @wraps(method)
    def locked(learner: AnySaved, /, *args: Arguments.args, **given: Arguments.kwargs) -> Result:
        with learner._lock.shared:
            return method(learner, *args, **given)

    return locked


class Saved:
    """Mixin that makes a `Learner` of a class: lock, pack, save, load, copy and hash.

    The class defines `_kind`, `_noun`, `_state`, `from_state`. The lock is not part of the state:
    a learner that was copied, loaded or unpickled has a lock of its own.
    """

    _kind: ClassVar[str]  # the kind of learner, in files
    _noun: ClassVar[str]  # what error messages call the learner

    def __init__(self) -> None:
        self._lock: Any = ReadWriteLock()  # a method may call other methods of the same learner
        self._definition = DEFINITION

    @property
    def definition(self) -> int:
        """The definition of learning that made this state; the oldest one if there were several.

        If it is older than `DEFINITION`, a replay of the same examples leads to another state.
        """
        return self._definition

    def _state(self) -> tuple[snapshot.Arrays, dict[str, Any]]:
        """The state without copying it; to be called only while the lock is held."""
        raise NotImplementedError

    @classmethod
    def from_state(cls, arrays: snapshot.Arrays, plain: dict[str, Any]) -> Self:
        """The learner with this state; the arrays are copied."""
        raise NotImplementedError

    def _policies(self) -> dict[str, Any]:
        """Settings of this process that are not part of the state, but that a copy keeps."""
        return {}

    def _with_policies(self, policies: dict[str, Any]) -> Self:
        """The learner itself, after it has taken the `_policies` of another one."""
        return self

    @shared
    def state(self) -> tuple[snapshot.Arrays, dict[str, Any]]:
        """A copy of everything that later answers depend on: arrays by name, and plain values."""
        arrays, plain = self._state()
        return {name: array.copy() for name, array in arrays.items()}, deepcopy(plain)

    @shared
    def state_hash(self) -> str:
        """Digest of everything that later answers depend on; 32 hex characters."""
        return self.hash_of(*self._state())

    @classmethod
    def hash_of(cls, arrays: snapshot.Arrays, plain: dict[str, Any]) -> str:
        """The `state_hash` of a learner with this state, whichever version wrote the state."""
        return snapshot.digest(arrays, plain)

    @shared
    def copy(self) -> Self:
        """An independent learner in the same state; it defers and freezes what this one does."""
        return self.from_state(*self._state())._with_policies(self._policies())

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (type(self), *self._packed_with_policies())

    @shared
    def _packed_with_policies(self) -> tuple[bytes, dict[str, Any]]:
        return self.packed(), self._policies()

    @shared
    def packed(self) -> bytes:
        """The learner as bytes: the content of the file that `save` writes."""
        return snapshot.pack(*self._state())

    @classmethod
    def unpacked(cls, content: bytes) -> Self:
        """The learner whose `packed` bytes these are.

        Raises:
            ModelFileError: the bytes are not a whole model.
        """
        return cls._from(*snapshot.unpack(content), name="the packed model")

    def save(self, path: str | Path) -> None:
        """Write the learner to one file; a file that is there is replaced only by a whole one."""
        snapshot.write_whole(path, self.packed())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a saved learner; it continues bit for bit as if it had never stopped.

        Raises:
            FileNotFoundError, ModelFileError: there is no such file, or it is not a whole model.
        """
        return cls._from(*snapshot.read_snapshot(path), name=str(path))

    @classmethod
    def _from(cls, arrays: snapshot.Arrays, plain: dict[str, Any], *, name: str) -> Self:
        if plain.get("kind") != cls._kind:
            raise ModelFileError(f"{name} holds a {plain.get('kind')}, not a {cls._noun}")
        try:
            return cls.from_state(arrays, plain)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"{name} lacks a part of a {cls._noun} ({error})") from error


def _unpickled(cls: type[Saved], packed: bytes, policies: dict[str, Any]) -> Saved:
    """The copy that Python's `copy` and `pickle` make."""
    return cls.unpacked(packed)._with_policies(policies)
