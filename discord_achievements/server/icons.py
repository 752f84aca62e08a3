"""Verifies uploaded icons, and draws the default icon.

An upload is decoded completely, with every frame, before it is stored. The size is read from the header first and
bounds everything that follows, so a small file that unpacks to gigabytes is refused without decoding it.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from functools import cache

from PIL import Image, ImageDraw

from ..domain.definition import ICON_MAX_PIXELS, Upload
from ..domain.errors import field_error
from .stores.base import Icon

_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WEBP"}
_ALL_FRAMES_MAX_PIXELS = 32 * ICON_MAX_PIXELS * ICON_MAX_PIXELS
EXTENSIONS = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}


def verify(upload: Upload) -> Icon:
    """Return an upload as an icon; raises the `ApiError` to answer with. **Blocks** while decoding."""
    try:
        png = _decode(upload)
    except Exception as exc:  # a decoder may raise anything on a hostile file
        reason = str(exc) if isinstance(exc, _Refused) else f"it cannot be decoded as {upload.media_type}."
        raise field_error(("icon",), "IMAGE_INVALID", f"Invalid image: {reason}") from exc
    return Icon(_hash(upload.content), upload.media_type, upload.content, png)


@cache
def default_icon() -> Icon:
    """Return the icon of achievements without one of their own: a cup."""
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    gold, dark = (240, 178, 50, 255), (150, 100, 20, 255)
    draw.arc((6, 12, 26, 34), 60, 300, fill=dark, width=4)
    draw.arc((38, 12, 58, 34), 240, 120, fill=dark, width=4)
    draw.pieslice((16, -14, 48, 42), 0, 180, fill=gold)
    draw.rectangle((16, 10, 48, 16), fill=gold)
    draw.rectangle((29, 40, 35, 52), fill=dark)
    draw.rectangle((20, 52, 44, 57), fill=gold)
    content = _png(image)
    return Icon(_hash(content), "image/png", content, content)


class _Refused(ValueError):
    """The picture can be decoded but breaks one of our limits."""


def _decode(upload: Upload) -> bytes:
    """Decode an upload completely; return its first frame as PNG."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Image.open(io.BytesIO(upload.content), formats=[_FORMATS[upload.media_type]]) as image:
            width, height = image.size
            if not (1 <= width <= ICON_MAX_PIXELS and 1 <= height <= ICON_MAX_PIXELS):
                raise _Refused(
                    f"it has {width} x {height} pixels; the maximum is {ICON_MAX_PIXELS} x {ICON_MAX_PIXELS}."
                )
            frames = getattr(image, "n_frames", 1)
            if frames * width * height > _ALL_FRAMES_MAX_PIXELS:
                raise _Refused(f"its {frames} frames of {width} x {height} pixels are too many.")
            image.load()
            first = image.convert("RGBA")
            for frame in range(1, frames):
                image.seek(frame)
                image.load()
        if upload.media_type == "image/png":
            return upload.content
    return _png(first)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _hash(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
