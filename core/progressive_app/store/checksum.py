"""A SHA-256 in every file that a run goes on from: what is read is what was written, or the file is named as damaged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from progressive_app.json_values import json_values

SHA256 = "sha256"
"""The key of the checksum, in a document and in the card of a file of tensors. A file without it is taken as it is: an
older version wrote it, or another program."""
BLANK = "0" * 64
"""Stands in the checksum's place while it is made."""
_BLOCK = 1 << 20


def line_with_checksum(document: Any) -> bytes:
    """`document` as JSON on one line, the checksum of its text last."""
    text = json.dumps(json_values(document), allow_nan=False)
    return f'{text[:-1]}, "{SHA256}": "{_of(text)}"}}\n'.encode()


def is_whole(document: Mapping[str, Any]) -> bool:
    """Whether a document that was read is the one that was written, as far as it says."""
    values = dict(document)
    told = values.pop(SHA256, None)
    return told is None or told == _of(json.dumps(values))


def with_digest(content: bytes) -> bytes:
    """The bytes of a safetensors file whose card holds `BLANK`, with the checksum of them all in its place."""
    end = _end_of_header(content[:8])
    told = hashlib.sha256(content).hexdigest()
    return b"".join((content[:end].replace(_key(BLANK), _key(told)), memoryview(content)[end:]))


def matches_digest(path: Path, told: str) -> bool:
    """Whether a sound safetensors file holds the bytes that the checksum in its card was made of."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        length = file.read(8)
        header = file.read(_end_of_header(length) - 8)
        digest.update(length + header.replace(_key(told), _key(BLANK)))
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest() == told


def _of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _end_of_header(length: bytes) -> int:
    """Where the header of a safetensors file ends, whose length stands in its first 8 bytes."""
    return 8 + int.from_bytes(length, "little")


def _key(told: str) -> bytes:
    """The checksum as it stands in a header: JSON in a text of JSON."""
    return rf"\"{SHA256}\": \"{told}\"".encode("utf-8", "surrogatepass")
