"""The journal of an account: its first line says of which model and bars it is, each other one is a bar and what was decided on it.

Lines are only ever appended, and on the disk before they are shown. A last line that a kill cut short is cut off: it never came to be.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from progressive_app.machine.durable_files import open_to_append, separate, sync_directory
from progressive_app.presentation.quantities import utc_text_of
from progressive_app.store.documents import is_whole, line_with_checksum
from progressive_core.contract.errors import RunError, WriteError

JOURNAL = "journal.jsonl"
FORMAT = 1


def source_of(file: Path) -> str | None:
    """Which bars the account of a journal is kept on; None where that cannot be read."""
    try:
        with file.open("rb") as lines:
            source = json.loads(lines.readline())["source"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return source if isinstance(source, str) else None


class PaperJournal:
    """The file in `directory`, which this process alone writes. `rows` are those that were there, as JSON objects.

    :param begun: what the first line says of the account. :param since: from which time on a new account is kept, where `begun` does not say.
    :raise RunError: it is damaged, or of another account. :raise WriteError: it cannot be written.
    """

    def __init__(self, directory: Path, begun: Mapping[str, Any], since: int | None = None) -> None:
        self.file = directory / JOURNAL
        lines = self._whole_lines()
        self.begun: dict[str, Any] = lines[0] if lines else {"format": FORMAT, **begun}
        if not lines and self.begun.get("since") is None:
            self.begun["since"] = since
        self._is_begun = bool(lines)
        for key, value in {"format": FORMAT, **begun}.items():
            if self.begun.get(key) != value and not (key == "since" and value is None):
                before, now = (_text(key, given) for given in (self.begun.get(key), value))
                raise RunError(
                    f"{self.file}: this account was begun with another {_WORDS.get(key, key)} ({before:.40}, now {now:.40}); "
                    "begin another one with --name NAME"
                )
        self.rows = lines[1:]

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Put rows behind the others; when it returns they are on the disk. Before the first there is no file, so that bars which
        could not be read bind no account.

        :raise WriteError: they cannot be written.
        """
        if not self._is_begun:
            self._append([self.begun])
            sync_directory(self.file.parent)
            self._is_begun = True
        self._append(rows)

    def _append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        try:
            with open_to_append(self.file) as file:
                file.write(b"".join(map(line_with_checksum, rows)))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise WriteError(
                f"{self.file}: cannot be written ({error.strerror}); the account goes on from its last whole line"
            ) from error

    def _whole_lines(self) -> list[dict[str, Any]]:
        try:
            text = self.file.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise RunError(f"{self.file}: cannot be read ({error.strerror})") from error
        whole = text[: text.rfind(b"\n") + 1].split(b"\n")[:-1]
        found = [self._object(line, number) for number, line in enumerate(whole, 1)]
        while len(found) > 1 and found[-1] is None:  # what a power cut left behind
            found.pop()
        if None in found:
            raise self._damaged(found.index(None) + 1)
        if text and not found and not b'{"format": 1'.startswith(text[:12]) and not text.startswith(b'{"format": 1'):
            raise RunError(f"{self.file}: no journal of an account; move it away")
        kept = sum(len(line) + 1 for line in whole[: len(found)])
        if kept < len(text):
            separate(self.file)
            os.truncate(self.file, kept)
        return [line for line in found if line is not None]

    def _object(self, line: bytes, number: int) -> dict[str, Any] | None:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if not isinstance(value, dict):
            return None
        if not is_whole(value):  # somebody's edit: a power cut leaves no JSON that says something else
            raise self._damaged(number)
        value.pop("sha256", None)
        return value

    def _damaged(self, number: int) -> RunError:
        return RunError(
            f"{self.file}, line {number}: damaged; cut the file off before it, and the account goes on from there"
        )


_WORDS = {"model": "model, or one that was trained again", "source": "source of bars", "since": "--from"}


def _text(key: str, value: Any) -> str:
    if key == "since" and type(value) is int:
        with suppress(ValueError, OverflowError, OSError):  # a time that no calendar has
            return utc_text_of(value // 10**6)
    return "none" if value is None else str(value)
