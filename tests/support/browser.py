"""Chromium or Chrome, as this machine has it, driven by Playwright.

No page reaches another machine: names lead nowhere, and only this one's numbers are let through.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

_ON_THE_PATH = ("chromium", "chromium-browser", "google-chrome", "chrome")
_WHERE_ITS_INSTALLER_PUTS_IT = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    r"%ProgramFiles%\Google\Chrome\Application\chrome.exe",
)
_PATIENCE_MS = 60_000


def is_installed() -> bool:
    return _program() is not None


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Run a browser without a window; while it runs, this thread can run no asyncio loop, for Playwright has one."""
    arguments = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1", "--no-proxy-server"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_program(), args=arguments, timeout=_PATIENCE_MS)
        try:
            yield browser
        finally:
            browser.close()


class Tab:
    """A page in a new profile, with everything that it requests, and everything that it complains of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("requestfailed", self._miss)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)

    def _miss(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # which happens when the tab goes on to another page
            self.complaints.append(f"{request.url}: {request.failure}")

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


@contextmanager
def new_tab(browser: Browser, width: int, height: int) -> Iterator[Tab]:
    """Open a tab of that many pixels, and close it at the end."""
    context = browser.new_context(viewport={"width": width, "height": height})
    context.set_default_timeout(_PATIENCE_MS)
    try:
        yield Tab(context.new_page())
    finally:
        context.close()


def _program() -> str | None:
    candidates = (*_ON_THE_PATH, *map(os.path.expandvars, _WHERE_ITS_INSTALLER_PUTS_IT))
    return next(filter(None, map(shutil.which, candidates)), None)
