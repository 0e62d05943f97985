"""Options on how a data file is read, for files from which this cannot be found."""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from quickstudy.errors import SettingError

TYPES = ("number", "category", "text", "tags", "datetime", "ignore")
TARGET_TYPES = ("str", "int", "bool")
NAMED_SEPARATORS = {
    "tab": "\t", "\\t": "\t", "space": " ", "comma": ",", "semicolon": ";", "pipe": "|",
}  # fmt: skip
NOT_OF_FILES = {"idna", "punycode", "unicode-escape", "unicode_escape", "raw-unicode-escape",
                "raw_unicode_escape"}  # fmt: skip
MIB = 2**20
DEFAULT_MB = 64


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the user says about a file; options that are left empty are found from its content.

    Attributes:
        separator: the character between cells; " " is any number of spaces.
        encoding: of text, a name that Python knows.
        decimal: "." or ",".
        types: field -> number, category, text, tags, datetime, ignore, or datetime:PATTERN.
        drop: fields that are left out, with the fields inside them.
        target_type: str, int or bool.
        longest: most characters of one cell.
    """

    separator: str = ""
    encoding: str = ""
    decimal: str = ""
    types: Mapping[str, str] = field(default_factory=dict)
    drop: Sequence[str] = ()
    target_type: str = ""
    longest: int = DEFAULT_MB * MIB

    def __post_init__(self) -> None:
        """Refuse values that an option cannot have.

        Raises:
            SettingError: the message names the option and its possible values.
        """
        if len(self.separator) > 1 or self.separator in ('"', "\r", "\n", "\0"):
            raise SettingError(
                f"--separator is {self.separator!r}; it is one character, or one of: "
                "tab, space, comma, semicolon, pipe"
            )
        if self.encoding and not _is_encoding(self.encoding):
            raise SettingError(
                f"--encoding {self.encoding!r} is not known; it is a name such as utf-8, "
                "utf-16, cp1252, latin-1, cp1251 or gb18030"
            )
        if self.decimal not in ("", ".", ","):
            raise SettingError(f"--decimal is {self.decimal!r}; it is . or ,")
        if self.target_type not in ("", *TARGET_TYPES):
            raise SettingError(f"--target-type is {self.target_type!r}; it is str, int or bool")
        for name, type in self.types.items():
            if type not in TYPES and not _is_pattern(type):
                raise SettingError(
                    f"--type {name}={type}: {type!r} is no type; use one of {', '.join(TYPES)}, "
                    "or datetime:%d/%m/%Y for a pattern of your own"
                )

    @property
    def dropped(self) -> tuple[str, ...]:
        """All fields that are left out."""
        ignored = (name for name, type in self.types.items() if type == "ignore")
        return tuple(dict.fromkeys((*self.drop, *ignored)))

    def without(self, name: str | None) -> ReadOptions:
        """The same options without the column `name`, if it is not None."""
        return self if name is None else replace(self, drop=(*self.drop, name))


def options_from_text(
    *,
    separator: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    types: Sequence[str] = (),
    drop: str | None = None,
    target_type: str | None = None,
    budget_mb: float | None = None,
) -> ReadOptions:
    """The options from their texts on a command line.

    Raises:
        SettingError: an option has a value that it cannot have; the message names it.

    >>> options = options_from_text(separator="tab", types=["code=category"], drop="a, b")
    >>> options.separator, options.types, options.drop
    ('\\t', {'code': 'category'}, ('a', 'b'))
    """
    texts = {
        "separator": separator, "encoding": encoding, "decimal": decimal, "drop": drop,
        "target-type": target_type,
    }  # fmt: skip
    for name, text in texts.items():
        if text == "":
            raise SettingError(f"--{name} is empty; leave it out, or name what is meant")
    given = separator or ""
    if budget_mb is not None and not 0.0 < budget_mb < math.inf:
        raise SettingError(f"--budget-mb is {budget_mb}; it is a number of MiB")
    return ReadOptions(
        separator=NAMED_SEPARATORS.get(given.lower(), given),
        encoding=encoding or "",
        decimal=decimal or "",
        types=_assignments(types),
        drop=tuple(name.strip() for name in (drop or "").split(",") if name.strip()),
        target_type=target_type or "",
        longest=int((budget_mb or DEFAULT_MB) * MIB),
    )


def _assignments(texts: Sequence[str]) -> dict[str, str]:
    out: dict[str, str] = {}
    for name, type in map(_assignment, texts):
        if out.setdefault(name, type) != type:
            raise SettingError(f"--type {name} is given as {out[name]} and as {type}; it is one")
    return out


def _assignment(text: str) -> tuple[str, str]:
    name, equals, type = text.partition("=")
    if "=" in type and type.rpartition("=")[2] in TYPES:  # the name contains a "="
        name, _, type = text.rpartition("=")
    if not (name.strip() and equals):
        raise SettingError(f"--type {text!r} is not like FIELD=category")
    return name.strip(), type.strip()


def _is_encoding(name: str) -> bool:
    try:
        "".encode(name)
        return codecs.lookup(name).name not in NOT_OF_FILES
    except (LookupError, ValueError, UnicodeError):
        return False


def _is_pattern(type: str) -> bool:
    if not type.startswith("datetime:") or "%" not in type:
        return False
    pattern = type.partition(":")[2]
    try:
        datetime.strptime("", pattern)
    except ValueError as error:
        return "bad directive" not in str(error) and "stray" not in str(error)
    except re.error:  # a directive occurs twice
        return False
    return True
