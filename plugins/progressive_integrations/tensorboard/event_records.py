"""The records that an event file consists of.

TensorBoard has a writer of its own, whose import takes three times what all else here takes of a default run: it brings a
stand-in for TensorFlow, with file systems and flags.
"""

from __future__ import annotations

import struct

_POLYNOMIAL = 0x82F63B78  # CRC-32C (Castagnoli), its bits reversed: RFC 3720, section 12.1
_MASK_DELTA = 0xA282EAD8


def record(data: bytes) -> bytes:
    """`data` as a TFRecord: its length, its bytes, and behind both their masked checksums, all little-endian."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, _masked(length), data, _masked(data)))


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF)


def crc32c(data: bytes) -> int:
    """The checksum CRC-32C, in 32 bits."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[crc & 0xFF ^ byte] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _of_byte(crc: int) -> int:
    for _ in range(8):
        crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
    return crc


_TABLE = tuple(map(_of_byte, range(256)))
