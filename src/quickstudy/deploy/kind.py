"""`Kind`: what a kind of learner brings; `KINDS`: the kinds that this process knows.

This module knows no kind: the registry, which lists them, is imported when a kind is first looked
up. It is named here, not imported, because it is above `deploy`; child processes need it, too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pkgutil import resolve_name
from typing import Any, Literal, Protocol

from quickstudy import snapshot
from quickstudy.api.settings import DEFAULT_KIND
from quickstudy.errors import ModelFileError, SettingError, StoreError

REGISTRY = "quickstudy.kinds.registry:kinds"
ProtocolName = Literal["decisions", "runs"]
"""How a learner is used: predict and feedback, or start, step and end."""


@dataclass(frozen=True)
class Metric:
    """A figure for monitoring, read off the report of a learner.

    Attributes:
        name: after "quickstudy_". Kinds that have the same metric share its name and meaning.
        of: the figure in a report; None where there is none yet.
        counts: it only grows.
    """

    name: str
    text: str
    of: Callable[[Any], float | None]
    counts: bool = False


def learn_nothing(learner: Any, type: str, payload: dict[str, Any]) -> None:
    """Apply an event that teaches a learner nothing."""


@dataclass(frozen=True)
class Kind:
    """A kind of learner.

    Who defines one imports little: clients need its settings and info, and no learner. What is
    loaded when it is needed is named by its address, "module:name".

    Attributes:
        name: as `kind` says it in a learner's info, and in the files of its learners.
        noun: what messages call a learner of this kind.
        protocol: how it is used; this decides its commands, events, tables, routes and queue.
        settings: a dataclass, of this kind alone, whose fields are annotated as in `api/settings`,
            with a class method `from_plain` that reads what the log holds. A kind on decisions
            extends `Settings`.
        learner: address of the class of its learners: for decisions one that extends `Decider`.
        new: makes a learner that knows nothing yet, of settings.
        info: the class of what is said of a learner: `LearnerInfo`, `ValueInfo`, or one of its own.
        report: the report of a learner, given the deployment and the learner's name.
        example: a body of the request that makes a learner of this kind.
        example_changes: the same for the request that changes settings.
        versions: whether it makes versions of itself, by `consolidate` of its learner.
        handlers: the handler of each class of commands that this kind alone has. The events that
            only it has are of types "name of the kind.what".
        apply: changes a learner by such an event, of a type and a payload: live and in a replay.
        projectors: event type -> what writes rows besides those that the protocol writes.
        metrics: figures of its report.
        checks: what the doctor checks besides what the protocol checks: name -> check, which gets
            the store and the number of the learner, and raises if something does not hold.
        routes: addresses of routers that the server adds.
        pages: address of its `KindPages`.
    """

    name: str
    noun: str
    protocol: ProtocolName
    settings: type[Any]
    learner: str
    new: Callable[[Any], Any]
    info: type[Any]
    report: Callable[[Any, str], Any]
    example: Mapping[str, Any]
    example_changes: Mapping[str, Any]
    versions: bool = False
    apply: Callable[[Any, str, dict[str, Any]], None] = learn_nothing
    handlers: Mapping[type, Callable[[Any, Any], Any]] = field(default_factory=dict)
    projectors: Mapping[str, Callable[[Any, Any, dict[str, Any]], None]] = field(
        default_factory=dict
    )
    metrics: tuple[Metric, ...] = ()
    checks: Mapping[str, Callable[[Any, int], str]] = field(default_factory=dict)
    routes: tuple[str, ...] = ()
    pages: str = ""

    @cached_property
    def learner_class(self) -> Any:
        """The class of its learners."""
        return resolve_name(self.learner)


class Kinds:
    """The kinds that this process knows, in the order in which they are offered.

    Args:
        found: gives those of the registry; called when a kind is first looked up.
    """

    def __init__(self, found: Callable[[], Iterable[Kind]]) -> None:
        self._found = found
        self._known: dict[str, Kind] | None = None
        self._entry = threading.Lock()

    @property
    def known(self) -> dict[str, Kind]:
        """Name -> kind."""
        if self._known is None:
            with self._entry:
                if self._known is None:
                    self._known = {kind.name: kind for kind in self._found()}
        return self._known

    def __iter__(self) -> Iterator[Kind]:
        return iter(list(self.known.values()))

    def named(self, name: str) -> Kind:
        """The kind of a name.

        Raises:
            SettingError: there is none.
        """
        if name not in self.known:
            names = ", ".join(self.known)
            raise SettingError(f"kind is {name!r:.60}; it must be one of: {names}", field="kind")
        return self.known[name]

    def of_settings(self, settings: Any) -> Kind:
        """The kind that has settings of this class.

        Raises:
            SettingError: there is none.
        """
        for kind in self:
            if kind.settings is type(settings):
                return kind
        raise SettingError(f"{type(settings).__name__} is the settings class of no known kind")

    def of_plain(self, values: Mapping[str, Any]) -> Kind:
        """The kind that settings name, as the log and the rows hold them.

        Raises:
            StoreError: this process does not know it.
        """
        name = values.get("kind", DEFAULT_KIND)
        if name not in self.known:
            raise StoreError(f"the store has a learner of kind {name!r}; install what brings it")
        return self.known[name]

    def of_file(self, plain: Mapping[str, Any]) -> Kind:
        """The kind whose learners write files of these plain values.

        Raises:
            ModelFileError: there is none.
        """
        name = str(plain.get("kind"))
        if name not in self.known:
            raise ModelFileError(
                f"the model holds a learner of kind {name:.60}, which is not known here"
            )
        return self.known[name]


KINDS = Kinds(lambda: resolve_name(REGISTRY)())


class HasSettings(Protocol):
    """A learner in a deployment, or what is said of one."""

    @property
    def settings(self) -> Any: ...


def kind_of(learner: HasSettings) -> Kind:
    """The kind of a learner."""
    return KINDS.of_settings(learner.settings)


def settings_to_plain(settings: Any) -> dict[str, Any]:
    """Settings as the log and the rows hold them; those of the default kind do not name it."""
    kind = KINDS.of_settings(settings)
    mark = {} if kind.name == DEFAULT_KIND else {"kind": kind.name}
    return {**mark, **asdict(settings)}


def settings_from_plain(values: Mapping[str, Any]) -> Any:
    """Settings of a learner as an event or a row holds them; other parts of an event are ignored.

    Raises:
        StoreError: this process does not know the kind.
    """
    kind = KINDS.of_plain(values)
    plain = {name: value for name, value in values.items() if name not in ("kind", "version")}
    return kind.settings.from_plain(plain)


def new_learner(settings: Any) -> Any:
    """The learner that a deployment starts with."""
    return KINDS.of_settings(settings).new(settings)


def unpacked(content: bytes) -> Any:
    """The learner whose `packed` bytes these are, of whichever kind.

    Raises:
        ModelFileError: the bytes are not a whole model.
    """
    return KINDS.of_file(snapshot.unpack_plain(content)).learner_class.unpacked(content)


def hash_in(content: bytes) -> str:
    """The `state_hash` of a packed learner.

    Raises:
        ModelFileError: the bytes are not a whole model.
    """
    arrays, plain = snapshot.unpack(content)
    digest: str = KINDS.of_file(plain).learner_class.hash_of(arrays, plain)
    return digest
