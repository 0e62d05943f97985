"""Every error Quickstudy raises on purpose.

QuickstudyError
├── InputError          an input is refused; nothing was changed
│   ├── RecordError     a record, text or vector cannot be read (names the field)
│   ├── LabelError      a label is missing or of a type that cannot be one
│   └── DataFileError   a data file cannot be read (names file, line or column)
├── SettingError        a setting is out of its range (names the setting)
├── ModelFileError      a saved model is cut short, damaged or of a newer schema
├── NotReadyError       the learner has not seen enough for what was asked
└── MissingExtraError   an optional package is not installed (says what to install)
"""


class QuickstudyError(Exception):
    """The root of every error that Quickstudy raises on purpose."""


class InputError(QuickstudyError, ValueError):
    """An input was refused at the door; nothing was changed."""


class RecordError(InputError):
    """A record, text or vector cannot be read. The message names the field and its value."""


class LabelError(InputError):
    """A label is missing, or of a type that cannot be a label."""


class DataFileError(InputError):
    """A data file cannot be read. The message names the file and the line or column."""


class SettingError(QuickstudyError, ValueError):
    """A setting is out of its range. The message names the setting and the range."""


class ModelFileError(QuickstudyError):
    """A saved model is cut short, damaged, or written by a newer schema."""


class NotReadyError(QuickstudyError):
    """The learner has not seen what it would need to answer this."""


class MissingExtraError(QuickstudyError, ImportError):
    """An optional package is not installed. The message says what to install."""
