"""What each kind of learner brings to the pages: one table, and where to look a kind up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from starlette.datastructures import FormData

from quickstudy.api.decisions import LearnerInfo
from quickstudy.errors import NotFoundError

if TYPE_CHECKING:
    from fastapi import Request, Response

    from quickstudy.api.runs import ValueInfo
    from quickstudy.serve.dashboard.base.figures import Headline
    from quickstudy.serve.dashboard.base.session import Session, Store


@dataclass(frozen=True, slots=True)
class Card:
    """A learner on the list: its report and headline, and the template that shows them."""

    template: str
    report: Any
    headline: Headline


@dataclass(frozen=True, slots=True)
class NewForm:
    """The part of the form for a new learner that one kind needs.

    Attributes:
        about: HTML-free name of what the learner is for, and the rest of that sentence.
        template: of the fields; usual: what the fields hold at first.
    """

    about: tuple[str, str]
    template: str
    usual: Mapping[str, str]


class SettingsPage(Protocol):
    """Renders the settings of a learner, perhaps with what was wrong with a change."""

    def __call__(
        self,
        request: Request,
        visitor: Session,
        store: Store,
        name: str,
        *,
        status: int = 200,
        problem: str = "",
    ) -> Response:
        """The page."""


@dataclass(frozen=True, slots=True)
class KindPages:
    """What one kind of learner brings to the pages.

    Attributes:
        kind: its name, as `kind` of a learner's info says it.
        tabs: last part of the address and title of its pages, between overview and settings.
        instead: what to tell somebody who opens a page that this kind has not.
        card: a learner on the list; overview: its first page.
        live: the overview once more, or 204 while nothing has happened since an event.
        settings: its settings page; changes: the changes that a form asks for, given the settings.
        new: what the form for a new learner needs; create: makes a learner of it.
    """

    kind: str
    tabs: tuple[tuple[str, str], ...]
    instead: str
    card: Callable[[Store, str], Card]
    overview: Callable[[Request, Store, str], Response]
    live: Callable[[Request, Store, str, str], Response]
    settings: SettingsPage
    changes: Callable[[FormData, Any], dict[str, Any]]
    new: NewForm
    create: Callable[[Store, str, FormData, str], None]


KINDS: dict[str, KindPages] = {}  # by name, in the order in which pages offer them


def register(*kinds: KindPages) -> None:
    """Let the pages know kinds of learners."""
    KINDS.update({pages.kind: pages for pages in kinds})


def pages_of(info: LearnerInfo | ValueInfo) -> KindPages:
    """What the kind of a learner brings to the pages.

    Raises:
        NotFoundError: it brings nothing.
    """
    if info.kind not in KINDS:
        raise NotFoundError(f"{info.name!r} has no pages: its kind, {info.kind}, brings none")
    return KINDS[info.kind]


def classifier(store: Store, name: str) -> LearnerInfo:
    """A learner that answers cases.

    Raises:
        NotFoundError: there is none of that name, or it is of another kind.
    """
    info = store.learner(name)
    if not isinstance(info, LearnerInfo):
        raise NotFoundError(f"{name!r} has no such page: {pages_of(info).instead}")
    return info
