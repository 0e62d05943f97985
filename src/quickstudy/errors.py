"""Every error Quickstudy raises on purpose.

QuickstudyError
├── InputError          an input is refused; nothing was changed
│   ├── RecordError     a record, text or vector cannot be read (names the field)
│   ├── LabelError      a label is missing or of a type that cannot be one
│   ├── DataFileError   a data file cannot be read (names file, line or column)
│   └── NotFoundError   there is no learner, prediction or key of that name
├── SettingError        a setting is out of its range (names the setting)
├── ModelFileError      a saved model is cut short, damaged or of a newer schema
├── NotReadyError       the learner has not seen enough for what was asked
├── MissingExtraError   an optional package is not installed (says what to install)
├── StoreError          a store cannot be read or written, or its server not be reached
└── AccessError         a key is missing, unknown, not allowed to do this, or too fast
"""


class QuickstudyError(Exception):
    """The root of every error that Quickstudy raises on purpose.

    `field` is the part of the input that the message is about, where that is known.
    """

    def __init__(self, *args: object, field: str | None = None) -> None:
        super().__init__(*args)
        self.field = field


class InputError(QuickstudyError, ValueError):
    """An input was refused at the door; nothing was changed."""


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
    """A saved model is cut short, damaged, or written by a newer schema."""


class NotReadyError(QuickstudyError):
    """The learner has not seen what it would need to answer this."""


class MissingExtraError(QuickstudyError, ImportError):
    """An optional package is not installed. The message says what to install."""


class StoreError(QuickstudyError):
    """A store cannot be read or written: nothing was changed, and trying again later is safe.

    From a client: the server cannot be reached or cannot answer; sending again is safe.
    """


class AccessError(QuickstudyError):
    """A key is missing, unknown, revoked, not allowed to do this, or used too fast."""
