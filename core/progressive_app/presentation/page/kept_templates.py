"""Keeps compiled templates where Python keeps compiled modules: compiling those of a report takes ten times as long as writing it."""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import cached_property
from hashlib import sha256
from importlib.util import cache_from_source
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket, FileSystemBytecodeCache

_FOLDER = Path(__file__).parent


class KeptTemplates(FileSystemBytecodeCache):
    """A cache that a page never fails for: what cannot be read or written is compiled again.

    As for modules, `PYTHONDONTWRITEBYTECODE` and `PYTHONPYCACHEPREFIX` decide whether and where files are written.
    """

    def __init__(self) -> None:
        super().__init__(str(Path(cache_from_source(str(_FOLDER / "templates" / "macros.html"))).parent), "%s.pyc")

    def load_bytecode(self, bucket: Bucket) -> None:
        try:
            super().load_bytecode(bucket)
        except Exception:  # noqa: BLE001  (pickle and marshal raise anything for a damaged file)
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        if sys.dont_write_bytecode:
            return
        with suppress(OSError):
            Path(self.directory).mkdir(parents=True, exist_ok=True)
            super().dump_bytecode(bucket)

    def get_source_checksum(self, source: str) -> str:
        """Of the template and of all else that its code depends on."""
        return super().get_source_checksum(self._environment + source)

    @cached_property
    def _environment(self) -> str:
        """Jinja2's version, and how pages are set up: what a filter makes of a constant is part of the code."""
        setup = sha256(b"".join(each.read_bytes() for each in sorted(_FOLDER.glob("*.py"))))
        return f"{jinja2.__version__} {setup.hexdigest()}\n"
