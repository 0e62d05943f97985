"""The one list of the kinds of learners."""

from __future__ import annotations

from importlib.metadata import entry_points

from quickstudy.deploy.kind import Kind
from quickstudy.errors import SettingError
from quickstudy.kinds.classifier.kind import CLASSIFIER
from quickstudy.kinds.value.kind import VALUE

ENTRY_POINTS = "quickstudy.kinds"  # group in which other packages name theirs: "module:KIND"


def kinds() -> list[Kind]:
    """Our own kinds, then those of other packages that are installed, by name.

    Raises:
        SettingError: an entry point is no kind, or two kinds share a name or a settings class.
    """
    found = [CLASSIFIER, VALUE]
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        kind = point.load()
        if not isinstance(kind, Kind):
            raise SettingError(f"entry point {point.value} of {ENTRY_POINTS} is not a Kind")
        if any(one.name == kind.name or one.settings is kind.settings for one in found):
            raise SettingError(
                f"kind {kind.name!r} of {point.value} has the name, or the settings class, of "
                "another kind: give it its own"
            )
        found.append(kind)
    return found
