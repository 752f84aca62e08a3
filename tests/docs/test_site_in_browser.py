"""The built site in a browser, opened as a file: its search, its code, its first screen.

After each test: nothing was requested from anywhere but the site's own folder, and the browser had no complaint.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from tests.docs.pages import DOCS, ROOT
from tests.support.waiting import until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.support.browser import Tab

pytestmark = pytest.mark.any_python

Open = Callable[[str], "Tab"]

WIDTH, HEIGHT = 1280, 720
# Shows another page of the site in this one, whose theme it shares; a page of its own takes four times as long.
SHOW = """html => {
    const page = new DOMParser().parseFromString(html, "text/html");
    page.querySelectorAll("img, script").forEach(element => element.remove());
    page.querySelectorAll("details").forEach(element => element.open = true);
    document.body.replaceWith(document.adoptNode(page.body));
}"""
# The code that is wider than its block, and the code whose first line ends below the button that copies it.
CUT_OFF = """() => [...document.querySelectorAll("pre, pre > code")]
    .filter(block => block.scrollWidth > block.clientWidth || !block.clientWidth)
    .map(block => block.textContent)"""
COVERED = """() => [...document.querySelectorAll("pre > code")].filter(code => {
    const {top, right} = code.getBoundingClientRect();
    const text = document.createRange();
    text.selectNodeContents(code);
    return [...text.getClientRects()].some(line => line.width && line.top < top + 20 && line.right > right - 30);
}).map(code => code.textContent)"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site, as `make docs` does."""
    if any(importlib.util.find_spec(module) is None for module in ("mkdocs", "material", "mkdocstrings_handlers")):
        pytest.skip("not run: `make docs` has not installed the extra [docs] here")
    folder = tmp_path_factory.mktemp("site")
    build = ("build", "--strict", "--config-file", "docs/site/mkdocs.yml", "--site-dir", str(folder))
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", *build],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return folder


@pytest.fixture
def open_page(browser: Browser, site: Path) -> Iterator[Open]:
    """Opens pages of the site in one tab."""
    from tests.support.browser import new_tab

    with new_tab(browser, WIDTH, HEIGHT) as tab:

        def open_page(name: str) -> Tab:
            tab.page.goto((site / name).as_uri())
            return tab

        yield open_page
        assert [url for url in tab.requests if not url.startswith(site.as_uri())] == []
        assert tab.complaints == []


def in_site(url: str, site: Path) -> str:
    """Return what a URL leads to, relative to the site."""
    return Path(url2pathname(urlsplit(url).path)).relative_to(site).as_posix()


@pytest.mark.parametrize("word", ["secret", "journal"])
def test_search_finds_pages_that_exist_and_decisions_last(open_page: Open, site: Path, word: str) -> None:
    page = open_page("index.html").page
    page.get_by_role("textbox", name="Search").fill(word)
    results = page.locator(".md-search-result__item")
    results.first.wait_for()
    found = int(page.locator(".md-search-result__meta").inner_text().split()[0])

    def all_are_listed() -> bool:
        """Scroll as a reader does: each time that the list's end comes into view, more are added to it."""
        results.first.scroll_into_view_if_needed()
        results.last.scroll_into_view_if_needed()
        return results.count() == found

    until(all_are_listed, f"all {found} results are listed", 60)
    links = results.locator("a")
    urls = links.evaluate_all("links => links.map(link => link.href)")
    pages = [in_site(url, site) for url in urls]
    assert [name for name in pages if not (site / name).is_file()] == []
    decisions = [name.startswith("adr/") for name in pages]
    assert set(decisions) == {False, True}
    assert decisions == sorted(decisions)

    links.first.click()
    page.wait_for_url(urls[0])
    assert in_site(page.url, site) == pages[0]
    assert word in page.locator("article").inner_text().lower()


def test_no_code_is_cut_off_or_covered(open_page: Open, site: Path) -> None:
    page = open_page("tutorial.html").page
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > len(list(DOCS.rglob("*.md")))  # and one for addresses that do not exist
    shown = 0
    for path in pages:
        page.evaluate(SHOW, path.read_text(encoding="utf-8"))
        for mistakes in (CUT_OFF, COVERED):
            assert page.evaluate(mistakes) == [], path.relative_to(site)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path.relative_to(site)
        shown += page.locator("pre").count()
    assert shown > len(pages)


def test_no_page_shows_a_sign_that_is_only_in_its_source(site: Path) -> None:
    assert [path.name for path in site.rglob("*.html") if r"\|" in path.read_text(encoding="utf-8")] == []


def test_a_page_of_each_folder_loads_without_a_complaint(open_page: Open, site: Path) -> None:
    for folder in sorted({path.parent for path in site.rglob("*.html")}):
        name = next(path for path in sorted(folder.glob("*.html")) if path.name != "404.html")
        tab = open_page(name.relative_to(site).as_posix())
        assert tab.page.locator("article h1").is_visible()


def test_the_first_screen_says_what_one_gets(open_page: Open) -> None:
    page = open_page("index.html").page
    screen = page.locator(".first-screen")
    install, code = screen.locator("pre").all()
    assert install.inner_text().strip() == 'pip install "discord-achievements[pygame]"'
    assert len([line for line in code.inner_text().splitlines() if line.strip()]) == 8
    picture = screen.locator("img")  # of the game, with the toast in its corner
    assert picture.evaluate("image => image.complete && image.naturalWidth") > 0
    for part in (page.locator("h1"), install, code, picture, screen.locator("ul"), *screen.locator(".md-button").all()):
        box = part.bounding_box()
        assert box is not None
        assert min(box["x"], box["y"]) >= 0, part
        assert box["x"] + box["width"] <= WIDTH, part
        assert box["y"] + box["height"] <= HEIGHT, part
