"""`Result`: what every callback of the GameSDK receives. Source: Discord GameSDK, table of Discord.Result."""

from __future__ import annotations

from enum import IntEnum


class Result(IntEnum):
    """The outcome of a call, with the GameSDK's numbers; printed, it is its name."""

    OK = 0
    SERVICE_UNAVAILABLE = 1
    INVALID_VERSION = 2
    LOCK_FAILED = 3
    INTERNAL_ERROR = 4
    INVALID_PAYLOAD = 5
    INVALID_COMMAND = 6
    INVALID_PERMISSIONS = 7
    NOT_FETCHED = 8
    NOT_FOUND = 9
    CONFLICT = 10
    INVALID_SECRET = 11
    INVALID_JOIN_SECRET = 12
    NO_ELIGIBLE_ACTIVITY = 13
    INVALID_INVITE = 14
    NOT_AUTHENTICATED = 15
    INVALID_ACCESS_TOKEN = 16
    APPLICATION_MISMATCH = 17
    INVALID_DATA_URL = 18
    INVALID_BASE64 = 19
    NOT_FILTERED = 20
    LOBBY_FULL = 21
    INVALID_LOBBY_SECRET = 22
    INVALID_FILENAME = 23
    INVALID_FILE_SIZE = 24
    INVALID_ENTITLEMENT = 25
    NOT_INSTALLED = 26
    NOT_RUNNING = 27
    INSUFFICIENT_BUFFER = 28
    PURCHASE_CANCELED = 29
    INVALID_GUILD = 30
    INVALID_EVENT = 31
    INVALID_CHANNEL = 32
    INVALID_ORIGIN = 33
    RATE_LIMITED = 34
    OAUTH2_ERROR = 35
    SELECT_CHANNEL_TIMEOUT = 36
    GET_GUILD_TIMEOUT = 37
    SELECT_VOICE_FORCE_REQUIRED = 38
    CAPTURE_SHORTCUT_ALREADY_LISTENING = 39
    UNAUTHORIZED_FOR_ACHIEVEMENT = 40
    INVALID_GIFT_CODE = 41
    PURCHASE_ERROR = 42
    TRANSACTION_ABORTED = 43
    DRAWING_INIT_FAILED = 44

    def __str__(self) -> str:
        return self.name

    def __format__(self, spec: str) -> str:
        # A width is for the name, a number's format such as `d` for the number.
        return format(int(self) if spec[-1:] in tuple("bcdeEfFgGnoxX%") else self.name, spec)
