"""Every error a user can cause or mend. The command line prints these as one line and exits with status 2."""


def printable(text: str) -> str:
    """`text` with every other character written as in Python's source: a name may hold a terminal's escape codes."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


class ProgressiveTrainingError(Exception):
    """Base class: its message says who, where, what was expected, what was got, and the next step."""

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))


class ConfigError(ProgressiveTrainingError):
    """A setting, flag or user-interface parameter is unknown, of the wrong type or out of range."""


class DataError(ProgressiveTrainingError):
    """Bars cannot be read, cannot be traded on, are too few, or leak the future."""


class PluginError(ProgressiveTrainingError):
    """A plugin is missing, is ambiguous, breaks the contract, or failed in a hook."""


class RunError(ProgressiveTrainingError):
    """A run directory cannot be created, locked, read or resumed."""


class WriteError(RunError):
    """A file of the run cannot be written: the disk is full, or read-only. The run stands at its last commit."""


class OutOfMemoryError(ProgressiveTrainingError):
    """Memory ran out, also at half the sizes. The run stands at its last commit."""


class ProcessLost(ProgressiveTrainingError):
    """The process of a bucket was killed, or ended without an answer. The run stands at its last commit."""


class ModelError(ProgressiveTrainingError):
    """A model file cannot be read, or does not fit the bars it was given."""
