"""Uploads that are not pictures, too large, of another type or malicious: each is a 400 and leaves nothing behind.

Good ones are accepted whatever they are called, and are there in every format.
"""

from __future__ import annotations

import base64
import io
import sqlite3
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageSequence
from PIL.PngImagePlugin import PngInfo

from discord_achievements.server.icons import EXTENSIONS, converted, default_icon, verify
from tests.support.running import Client, RunningService, definitions_path, prepare, running

MAX_BYTES = 256 * 1024


def picture(kind: str, size: tuple[int, int] = (16, 16), **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (200, 30, 60)).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, pixels: bytes, *more: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [chunk(b"IHDR", head), *more, chunk(b"IDAT", zlib.compress(pixels, 9)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def animation(frames: int, size: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    first, *rest = [Image.new("P", size, number % 200) for number in range(frames)]
    first.save(buffer, "GIF", save_all=True, append_images=rest)
    return buffer.getvalue()


def uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HOSTILE: dict[str, Callable[[], str]] = {
    "empty": lambda: uri("png", b""),
    "text": lambda: uri("png", b"this is no picture at all"),
    "HTML called PNG": lambda: uri("png", b"<html><script>alert(1)</script></html>"),
    "SVG": lambda: uri("svg+xml", SVG),
    "SVG called PNG": lambda: uri("png", SVG),
    "BMP called PNG": lambda: uri("png", picture("BMP")),
    "TIFF called JPEG": lambda: uri("jpeg", picture("TIFF")),
    "PNG signature only": lambda: uri("png", b"\x89PNG\r\n\x1a\n"),
    "PNG cut off": lambda: uri("png", png(256, 256, bytes(range(256)) * 768)[:-400]),
    "PNG with a wrong checksum": lambda: uri("png", png(16, 16, b"\0" * 784).replace(b"IDAT", b"IDAX")),
    "PNG with too few pixels": lambda: uri("png", png(64, 64, b"\0" * 50)),
    "PNG without its end": lambda: uri("png", picture("PNG")[:-12]),
    "PNG with half of its end": lambda: uri("png", picture("PNG")[:-2]),
    "JPEG without its end": lambda: uri("jpeg", picture("JPEG")[:-2]),
    "GIF without its end": lambda: uri("gif", picture("GIF")[:-1]),
    "WebP without its end": lambda: uri("webp", picture("WEBP", (256, 256))[:-1]),
    "JPEG cut off": lambda: uri("jpeg", picture("JPEG", (256, 256))[:300]),
    "WebP cut off": lambda: uri("webp", picture("WEBP", (256, 256))[:60]),
    "one pixel too wide": lambda: uri("png", picture("PNG", (1025, 16))),
    "one pixel too high": lambda: uri("jpeg", picture("JPEG", (16, 1025))),
    "a bomb of 4 gigapixels": lambda: uri("png", png(65_535, 65_535, b"\0" * 1_000_000)),
    "a bomb in a comment": lambda: uri(
        "png", png(16, 16, b"\0" * 784, chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 200_000_000, 9)))
    ),
    "a GIF of 60 large frames": lambda: uri("gif", animation(60, (1000, 1000))),
    "a byte too many": lambda: uri("png", picture("PNG") + b"\0" * (MAX_BYTES + 1 - len(picture("PNG")))),
    "zero width": lambda: uri("png", png(0, 16, b"")),
    "BMP": lambda: uri("bmp", picture("BMP")),
    "a PDF": lambda: uri("png", picture("PDF")),
    "an ICO": lambda: uri("x-icon", picture("ICO")),
    "no image's label": lambda: uri("png", picture("PNG")).replace("image/png", "application/octet-stream"),
    "no base64": lambda: "data:image/png;base64,@@@@",
    "no type": lambda: "data:;base64,AAAA",
    "an address": lambda: "https://example.com/icon.png",
    "a file": lambda: "file:///etc/passwd",
}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("icons") / "service.sqlite3"


@pytest.fixture(scope="module")
def bot(database: Path) -> Iterator[Client]:
    url = f"sqlite:///{database.as_posix()}"
    tokens = prepare(url)
    with running(url, forked=True) as service, Client(service.host, f"Bot {tokens.bot}") as bot:
        yield bot
        assert_quiet(service)


def assert_quiet(service: RunningService) -> None:
    assert service.log == [], "hostile pictures are too common to be logged"


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_400_and_leaves_nothing_behind(bot: Client, database: Path, name: str) -> None:
    before = bot.get(definitions_path()).json()
    body = {"name": "N", "description": "D", "icon": HOSTILE[name]()}
    for answer in (
        bot.call("POST", definitions_path(), body),
        bot.call("PATCH", definitions_path(before[0]["id"]), body),
    ):
        assert (answer.status_code, answer.json()["code"]) == (400, 50035)
        (error,) = answer.json()["errors"]["icon"]["_errors"]
        assert error["code"] == "IMAGE_INVALID"
    together = bot.call("POST", definitions_path(), body | {"name": "", "secret": 5}).json()["errors"]
    assert set(together) == {"name", "secret", "icon"}, "all mistakes are reported at once"
    assert bot.get(definitions_path()).json() == before
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count(*) FROM icons").fetchone() == (0,)


def photograph() -> bytes:
    """Return a photograph with its preview, as cameras save it."""
    buffer = io.BytesIO()
    image = Image.new("RGB", (1024, 24), (200, 30, 60))
    image.save(buffer, "MPO", save_all=True, append_images=[image.resize((64, 8))])
    return buffer.getvalue()


def added(bot: Client, content: bytes, label: str) -> dict[str, str]:
    icon = uri("png", content).replace("image/png", label)
    answer = bot.call("POST", definitions_path(), {"name": "N", "description": "D", "icon": icon})
    assert answer.status_code == 201
    made: dict[str, str] = answer.json()
    return made


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp", "mpo"])
def test_a_good_one_of_each_kind_is_kept_and_is_there_in_every_format(bot: Client, kind: str) -> None:
    content = picture(kind.upper(), (1024, 24)) if kind != "mpo" else photograph()
    made = added(bot, content, f"image/{kind}")
    path = f"/app-assets/{made['application_id']}/achievements/{made['id']}/icons/{made['icon_hash']}"
    if kind != "mpo":
        assert bot.site(f"{path}.{kind}").content == content
    for extension, media_type in (
        ("png", "image/png"), ("jpg", "image/jpeg"), ("jpeg", "image/jpeg"), ("webp", "image/webp"),
        ("gif", "image/gif"),
    ):  # fmt: skip
        shown = bot.site(f"{path}.{extension}?size=64")
        assert (shown.status_code, shown.headers["Content-Type"]) == (200, media_type)
        assert "immutable" in shown.headers["Cache-Control"]
        with Image.open(io.BytesIO(shown.content)) as image:
            assert (f"image/{image.format}".lower(), image.size) == (media_type, (1024, 24))
    assert bot.call("DELETE", definitions_path(made["id"])).status_code == 204
    assert bot.site(f"{path}.png").status_code == 404


PLACE = "48.8584 N, 2.2945 E"


def located(kind: str) -> bytes:
    """Return a picture that says where it was taken, in every way that its format knows, and that lies on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees
    exif[0x010E] = PLACE
    exif.get_ifd(0x8825)[29] = PLACE
    options: dict[str, Any] = {"exif": exif, "xmp": PLACE.encode(), "comment": PLACE}
    if kind == "PNG":
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_text("Comment", PLACE)
        options["pnginfo"].add_itxt("Place", PLACE, zip=False)
    return picture(kind, (64, 16), **options)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_metadata_is_not_published(kind: str) -> None:
    assert PLACE.encode() in located(kind)
    icon = verify(located(kind))
    for media_type in EXTENSIONS.values():
        content = converted(icon, media_type)
        assert PLACE.encode() not in content
        with Image.open(io.BytesIO(content)) as image:
            assert not image.getexif()
            assert image.size == ((64, 16) if kind == "GIF" else (16, 64)), "upright, as its owner saw it"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_without_its_metadata_has_its_frames_and_their_times(kind: str) -> None:
    buffer = io.BytesIO()
    first, *rest = [Image.new("RGB", (32, 16), (80 * number, 30, 60)) for number in range(3)]
    text = PngInfo()
    text.add_text("Comment", PLACE)
    metadata = {"GIF": {"comment": PLACE}, "WEBP": {"xmp": PLACE.encode()}, "PNG": {"pnginfo": text}}
    noted: dict[str, Any] = metadata[kind]  # type: ignore[assignment]
    first.save(buffer, kind, save_all=True, append_images=rest, duration=[100, 200, 300], loop=3, **noted)
    assert PLACE.encode() in buffer.getvalue()
    content = verify(buffer.getvalue()).content
    assert PLACE.encode() not in content
    with Image.open(io.BytesIO(content)) as image:
        assert image.n_frames == 3  # type: ignore[attr-defined]
        durations, colours = [], []
        for frame in ImageSequence.Iterator(image):
            frame.load()
            durations.append(frame.info["duration"])
            colours.append(frame.convert("RGB").getpixel((5, 5)))
        assert durations == [100, 200, 300]
        assert image.info["loop"] == 3
        reds = [colour[0] for colour in colours]  # type: ignore[index]
        assert all(abs(red - 80 * number) < 12 for number, red in enumerate(reds))


LABELS = ["image/jpg", "image/jpeg", "IMAGE/PNG", "image/png;charset=utf-8", "image/svg+xml", "image/gif"]


@pytest.mark.parametrize("label", LABELS)
def test_the_type_comes_from_the_bytes(bot: Client, label: str) -> None:
    content = picture("PNG")
    made = added(bot, content, label)
    shown = bot.site(f"/app-assets/{made['application_id']}/achievements/{made['id']}/icons/{made['icon_hash']}.png")
    assert (shown.content, shown.headers["Content-Type"]) == (content, "image/png")
    assert bot.call("DELETE", definitions_path(made["id"])).status_code == 204


def test_what_is_transparent_is_white_in_a_jpeg() -> None:
    with Image.open(io.BytesIO(converted(default_icon(), "image/jpeg"))) as image:
        assert min(image.convert("L").crop((0, 0, 8, 8)).tobytes()) > 240
