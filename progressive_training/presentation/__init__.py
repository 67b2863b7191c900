"""How numbers and verdicts are written, for a plugin that shows them: as the console, the report and the commands do.

Names load on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from progressive_app.presentation.quantities import bytes_text as bytes_text
    from progressive_app.presentation.quantities import number as number
    from progressive_app.presentation.quantities import profit_text as profit_text
    from progressive_app.presentation.quantities import share_text as share_text
    from progressive_app.presentation.quantities import time_text as time_text
    from progressive_app.presentation.quantities import with_error as with_error
    from progressive_app.presentation.strategies import MODEL as MODEL
    from progressive_app.presentation.strategies import compared as compared
    from progressive_app.presentation.strategies import row_of as row_of
    from progressive_app.presentation.verdicts import SHORT as SHORT
    from progressive_app.presentation.verdicts import in_use as in_use
    from progressive_app.presentation.verdicts import is_sound as is_sound
    from progressive_app.presentation.verdicts import judged as judged
    from progressive_app.presentation.verdicts import short_verdict as short_verdict
    from progressive_app.presentation.verdicts import shown_t as shown_t
    from progressive_app.presentation.verdicts import summary as summary
    from progressive_app.presentation.verdicts import verdict_style as verdict_style

_NAMES = {
    "quantities": "bytes_text number profit_text share_text time_text with_error",
    "strategies": "MODEL compared row_of",
    "verdicts": "SHORT in_use is_sound judged short_verdict shown_t summary verdict_style",
}
_HOME = {name: f"progressive_app.presentation.{module}" for module, names in _NAMES.items() for name in names.split()}
__all__ = sorted(_HOME)  # noqa: PLE0605  (one list, kept in _NAMES)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
