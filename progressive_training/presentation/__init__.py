"""How numbers and verdicts are written, for a plugin that shows them: as the console, the report and the commands do.

Names load on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from progressive_app.presentation.closing_table import closing_table as closing_table
    from progressive_app.presentation.closing_table import judged_table as judged_table
    from progressive_app.presentation.closing_table import sequence_table as sequence_table
    from progressive_app.presentation.critical_path import critical_path as critical_path
    from progressive_app.presentation.drawing import plain_text as plain_text
    from progressive_app.presentation.drawing import printable_console as printable_console
    from progressive_app.presentation.notebook import html_text as html_text
    from progressive_app.presentation.notebook import in_notebook as in_notebook
    from progressive_app.presentation.page.page_parts import content_policy as content_policy
    from progressive_app.presentation.page.page_parts import page_environment as page_environment
    from progressive_app.presentation.page.page_parts import page_style as page_style
    from progressive_app.presentation.quantities import bytes_text as bytes_text
    from progressive_app.presentation.quantities import number as number
    from progressive_app.presentation.quantities import share_text as share_text
    from progressive_app.presentation.quantities import time_text as time_text
    from progressive_app.presentation.quantities import utc_text as utc_text
    from progressive_app.presentation.quantities import with_error as with_error
    from progressive_app.presentation.record_values import PerformanceValues as PerformanceValues
    from progressive_app.presentation.record_values import episode_values as episode_values
    from progressive_app.presentation.record_values import performance_values as performance_values
    from progressive_app.presentation.record_values import result_values as result_values
    from progressive_app.presentation.record_values import transfer_values as transfer_values
    from progressive_app.presentation.strategies import MODEL as MODEL
    from progressive_app.presentation.strategies import compared as compared
    from progressive_app.presentation.strategies import row_of as row_of
    from progressive_app.presentation.verdicts import in_use as in_use
    from progressive_app.presentation.verdicts import is_sound as is_sound
    from progressive_app.presentation.verdicts import judged as judged
    from progressive_app.presentation.verdicts import short_verdict as short_verdict
    from progressive_app.presentation.verdicts import shown_t as shown_t
    from progressive_app.presentation.verdicts import summary as summary
    from progressive_app.presentation.verdicts import verdict_style as verdict_style
    from progressive_core.contract.errors import printable as printable
    from progressive_core.contract.profit import percent as percent
    from progressive_core.contract.profit import percent_text as percent_text
    from progressive_core.contract.profit import profit_text as profit_text

_NAMES = {
    "progressive_app.presentation.closing_table": "closing_table judged_table sequence_table",
    "progressive_app.presentation.critical_path": "critical_path",
    "progressive_app.presentation.drawing": "plain_text printable_console",
    "progressive_app.presentation.notebook": "html_text in_notebook",
    "progressive_app.presentation.page.page_parts": "content_policy page_environment page_style",
    "progressive_app.presentation.quantities": "bytes_text number share_text time_text utc_text with_error",
    "progressive_app.presentation.record_values": "PerformanceValues episode_values performance_values result_values transfer_values",
    "progressive_app.presentation.strategies": "MODEL compared row_of",
    "progressive_app.presentation.verdicts": "in_use is_sound judged short_verdict shown_t summary verdict_style",
    "progressive_core.contract.errors": "printable",
    "progressive_core.contract.profit": "percent percent_text profit_text",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}
__all__ = sorted(_HOME)  # noqa: PLE0605  (one list, kept in _NAMES)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
