"""Reads which characters a font file can draw from its `cmap` table. Source: OpenType specification, cmap."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_UNICODE_TABLES = {(3, 10): 3, (0, 6): 3, (0, 4): 3, (3, 1): 2, (0, 3): 1, (0, 2): 1, (0, 1): 1, (0, 0): 1}


def characters(font: bytes) -> frozenset[int]:
    """Return the code points of a TrueType or OpenType font; of a collection, those of its first font.

    Raises `ValueError` for anything else.
    """
    try:
        return frozenset(_code_points(font, _cmap_offset(font)))
    except (struct.error, IndexError) as exc:
        raise ValueError(f"not a TrueType or OpenType font: {exc}") from exc


def _cmap_offset(font: bytes) -> int:
    start = struct.unpack_from(">I", font, 12)[0] if font[:4] == b"ttcf" else 0
    (tables,) = struct.unpack_from(">H", font, start + 4)
    for index in range(tables):
        tag, _, offset, _ = struct.unpack_from(">4sIII", font, start + 12 + 16 * index)
        if tag == b"cmap":
            return int(offset)
    raise ValueError("not a TrueType or OpenType font: it has no cmap table")


def _code_points(font: bytes, cmap: int) -> Iterator[int]:
    (count,) = struct.unpack_from(">H", font, cmap + 2)
    best, best_rank = 0, 0
    for index in range(count):
        platform, encoding, offset = struct.unpack_from(">HHI", font, cmap + 4 + 8 * index)
        rank = _UNICODE_TABLES.get((platform, encoding), 0)
        if rank > best_rank:
            best, best_rank = cmap + offset, rank
    if not best_rank:
        return
    (form,) = struct.unpack_from(">H", font, best)
    if form == 4:
        yield from _segments(font, best)
    elif form == 12:
        (groups,) = struct.unpack_from(">I", font, best + 12)
        for index in range(groups):
            first, last, _ = struct.unpack_from(">III", font, best + 16 + 12 * index)
            yield from range(first, min(last, 0x10FFFF) + 1)


def _segments(font: bytes, table: int) -> Iterator[int]:
    (twice,) = struct.unpack_from(">H", font, table + 6)
    count = twice // 2
    ends = struct.unpack_from(f">{count}H", font, table + 14)
    starts = struct.unpack_from(f">{count}H", font, table + 16 + twice)
    deltas = struct.unpack_from(f">{count}H", font, table + 16 + 2 * twice)
    ranges_at = table + 16 + 3 * twice
    ranges = struct.unpack_from(f">{count}H", font, ranges_at)
    for index in range(count):
        for code in range(starts[index], ends[index] + 1):
            if code == 0xFFFF:
                continue
            if ranges[index] == 0:
                glyph = (code + deltas[index]) & 0xFFFF
            else:
                at = ranges_at + 2 * index + ranges[index] + 2 * (code - starts[index])
                (glyph,) = struct.unpack_from(">H", font, at)
            if glyph:
                yield code
