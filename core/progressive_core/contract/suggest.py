"""The nearest known name, for messages about an unknown one."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The words to put after the sentence that names it: " Did you mean 'Long'?", or nothing when no name is near."""
    from difflib import get_close_matches

    by_folded = {candidate.casefold(): candidate for candidate in known}
    near = get_close_matches(name.casefold(), by_folded, n=1)
    return f" Did you mean {by_folded[near[0]]!r}?" if near else ""
