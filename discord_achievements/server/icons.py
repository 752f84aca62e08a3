"""Verifies uploaded icons, converts them, and draws the default icon.

An upload is decoded completely, with every frame, before it is stored. The size is read from the header first and
bounds everything that follows, so a small file that unpacks to gigabytes is refused without decoding it.

Icons are public, and a photograph may say where it was taken. So a file with metadata is encoded again without it; any
other file is kept as it is.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from functools import cache, lru_cache
from typing import Any

from PIL import Image, ImageDraw, ImageOps, ImageSequence

from ..domain.definition import ICON_MAX_PIXELS
from ..domain.errors import field_error
from .stores.base import Icon

_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WEBP"}
# Cameras save a photograph and its preview as MPO, which is a JPEG file to everybody else.
_MEDIA_TYPES = {name: media_type for media_type, name in _FORMATS.items()} | {"MPO": "image/jpeg"}
_ALL_FRAMES_MAX_PIXELS = 32 * ICON_MAX_PIXELS * ICON_MAX_PIXELS
_METADATA = {"exif", "xmp", "XML:com.adobe.xmp", "comment", "photoshop"}
_JPEG_SEGMENTS = {"APP0", "APP2", "APP14"}  # the others hold no part of the picture
EXTENSIONS = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}


def verify(content: bytes) -> Icon:
    """Return a file as an icon; raises the `ApiError` to answer with. **Blocks** while decoding."""
    try:
        media_type, content, png = _decode(content)
    except Exception as exc:  # a decoder may raise anything on a hostile file
        reason = str(exc) if isinstance(exc, _Refused) else "it cannot be decoded as PNG, JPEG, GIF or WebP."
        raise field_error(("icon",), "IMAGE_INVALID", f"Invalid image: {reason}") from exc
    return Icon(_hash(content), media_type, content, png)


@lru_cache(maxsize=16)
def converted(icon: Icon, media_type: str) -> bytes:
    """Return an icon as a file of one of the types in `EXTENSIONS`. **Blocks** while converting.

    Only the original has all frames. JPEG has no transparency, so there the background is white.
    """
    if media_type == icon.media_type:
        return icon.content
    if media_type == "image/png":
        return icon.png
    with Image.open(io.BytesIO(icon.png), formats=["PNG"]) as image:
        picture = image.convert("RGBA")
    if media_type == "image/jpeg":
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        picture = Image.alpha_composite(white, picture).convert("RGB")
    return _encoded(picture, _FORMATS[media_type])


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
    content = _encoded(image, "PNG")
    return Icon(_hash(content), "image/png", content, content)


class _Refused(ValueError):
    """The picture can be decoded but breaks one of our limits."""


def _decode(content: bytes) -> tuple[str, bytes, bytes]:
    """Decode a file completely; return its media type, the file without metadata, and its first frame as PNG."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Image.open(io.BytesIO(content), formats=list(_FORMATS.values())) as image:
            media_type = _MEDIA_TYPES[str(image.format)]
            width, height = image.size
            if not (1 <= width <= ICON_MAX_PIXELS and 1 <= height <= ICON_MAX_PIXELS):
                raise _Refused(
                    f"it has {width} x {height} pixels; the maximum is {ICON_MAX_PIXELS} x {ICON_MAX_PIXELS}."
                )
            frames = getattr(image, "n_frames", 1)
            if frames * width * height > _ALL_FRAMES_MAX_PIXELS:
                raise _Refused(f"its {frames} frames of {width} x {height} pixels are too many.")
            for frame in range(frames):
                image.seek(frame)
                image.load()
            if not _has_its_end(media_type, content):
                raise _Refused("it is cut off.")
            image.seek(0)
            if _has_metadata(image):
                content = _without_metadata(image, _FORMATS[media_type])
    if media_type == "image/png":
        return media_type, content, content
    with Image.open(io.BytesIO(content)) as image:
        return media_type, content, _encoded(_bare(image.convert("RGBA")), "PNG")


def _has_its_end(media_type: str, content: bytes) -> bool:
    """Return whether a file ends as its format says; decoders do without."""
    if media_type == "image/png":
        return b"\0\0\0\0IEND\xaeB`\x82" in content
    if media_type == "image/jpeg":
        return content.rfind(b"\xff\xd9") > content.rfind(b"\xff\xda")
    if media_type == "image/gif":
        return content.rstrip(b"\0").endswith(b";")
    return int.from_bytes(content[4:8], "little") + 8 <= len(content)


def _has_metadata(image: Image.Image) -> bool:
    segments = {name for name, _ in getattr(image, "applist", ())} - _JPEG_SEGMENTS
    texts = getattr(image, "text", None)
    return bool(segments or texts or image.getexif() or _METADATA & image.info.keys() or image.format == "MPO")


def _without_metadata(image: Image.Image, kind: str) -> bytes:
    """Encode a file again: upright, with all frames (of an MPO only the photograph), colour profile and timing."""
    options: dict[str, Any] = {"icc_profile": image.info.get("icc_profile"), "quality": 95}
    if "loop" in image.info:
        options["loop"] = image.info["loop"]
    frames, durations = [], []
    for frame in ImageSequence.Iterator(image) if image.format != "MPO" else [image]:
        frame.load()  # WebP knows a frame's time only then
        durations.append(frame.info.get("duration", 0))
        frames.append(_bare(ImageOps.exif_transpose(frame)))
    if len(frames) > 1:
        options |= {"save_all": True, "append_images": frames[1:], "duration": durations}
    return _encoded(frames[0], kind, **options)


def _bare(image: Image.Image) -> Image.Image:
    """Return a copy without anything but pixels, transparency and palette: encoders write what else they find."""
    bare = image.copy()
    bare.info = {name: value for name, value in image.info.items() if name == "transparency"}
    return bare


def _encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _hash(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
