"""The errors that Quickstudy raises.

QuickstudyError
├── InputError          an input is refused; nothing was changed
│   ├── RecordError     a record, text or vector cannot be read (names the field)
│   ├── LabelError      a label is missing or of a type that cannot be one
│   ├── DataFileError   a data file cannot be read (names file, line or column)
│   └── NotFoundError   there is no learner, prediction or key of that name
├── SettingError        a setting is out of its range (names the setting)
├── ModelFileError      a saved model is truncated, damaged or of a newer schema
├── NotReadyError       the learner has not learned enough for the request
├── MissingExtraError   an optional package is not installed (says what to install)
├── StoreError          a store cannot be read or written, or its server cannot be reached
└── AccessError         a key is missing, unknown, not allowed to do this, or over its rate limit
"""


class QuickstudyError(Exception):
    """The base class of the errors that Quickstudy raises.

    `field` names the part of the input that caused the error, if it is known.
    """

    def __init__(self, *args: object, field: str | None = None) -> None:
        super().__init__(*args)
        self.field = field


class InputError(QuickstudyError, ValueError):
    """An input was refused; nothing was changed."""


class RecordError(InputError):
    """A record, text or vector cannot be read. The message names the field and its value."""


class LabelError(InputError):
    """A label is missing, or of a type that cannot be a label."""


class DataFileError(InputError):
    """A data file cannot be read. The message names the file and the line or column."""


class NotFoundError(InputError):
    """There is no learner, prediction or key of that name. The message gives the name."""


class SettingError(QuickstudyError, ValueError):
    """A setting is out of its range. The message names the setting and the range."""


class ModelFileError(QuickstudyError):
    """A saved model is truncated, damaged, or was written with a newer schema."""


class NotReadyError(QuickstudyError):
    """The learner has not learned enough for this request."""


class MissingExtraError(QuickstudyError, ImportError):
    """An optional package is not installed. The message says what to install."""


class StoreError(QuickstudyError):
    """A store cannot be read or written: nothing was changed, and a retry is safe.

    From a client: the server cannot be reached or cannot answer; a retry is safe.
    """


class AccessError(QuickstudyError):
    """A key is missing, unknown, revoked, not allowed to do this, or over its rate limit."""
