"""Any part of the GameSDK other than achievements raises NotOfferedError."""

from __future__ import annotations

import sys
from typing import NoReturn

from ..domain.errors import DiscordAchievementsError

# All public names of the two wrappers that do not concern achievements, including submodules.
ABSENT_NAMES = frozenset({
    "Activity", "ActivityActionType", "ActivityAssets", "ActivityJoinRequestReply", "ActivityManager",
    "ActivityParty", "ActivityPartyPrivacy", "ActivitySecrets", "ActivitySupportedPlatformFlags",
    "ActivityTimestamps", "ActivityType", "ApplicationManager", "Entitlement", "EntitlementType", "FileStat",
    "ImageDimensions", "ImageHandle", "ImageManager", "ImageType", "ImeUnderline", "InputMode", "InputModeType",
    "KeyVariant", "Lobby", "LobbyManager", "LobbyMemberTransaction", "LobbySearchCast", "LobbySearchComparison",
    "LobbySearchDistance", "LobbySearchQuery", "LobbyTransaction", "LobbyType", "Model", "MouseButton",
    "NetworkManager", "OAuth2Token", "OverlayManager", "PartySize", "PremiumType", "Presence", "Rect",
    "Relationship", "RelationshipManager", "RelationshipType", "Sku", "SkuPrice", "SkuType", "Status",
    "StorageManager", "StoreManager", "User", "UserFlag", "UserManager", "VoiceManager", "activity",
    "application", "bindEvents", "bind_events", "event", "image", "lobby", "network", "overlay", "relationship",
    "sdk", "storage", "store", "user", "voice",
})  # fmt: skip


_MODULES = (f"{__package__}.discord", f"{__package__}.discordsdk")


class NotOfferedError(DiscordAchievementsError, NotImplementedError):
    """Old code uses a part of the GameSDK that is not about achievements; the message says which.

    It is also an `AttributeError` or an `ImportError`, so that `hasattr` and `except ImportError` find out as usual.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is not offered: discord_achievements has only the achievements of Discord's GameSDK."
            " Remove it from the game, or import it from the old wrapper, which can be used at the same time"
        )


class NotOfferedAttributeError(NotOfferedError, AttributeError):
    """The part is used as an attribute."""


class NotOfferedImportError(NotOfferedError, ImportError):
    """The part is imported."""


class absent:
    """An attribute that does not exist, and says why: `hasattr` is False."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise NotOfferedAttributeError(self._name)


class _Finder:
    """Lets the import of an absent part fail with the reason. The last of Python's finders; it never finds anything."""

    @staticmethod
    def find_spec(fullname: str, path: object = None, target: object = None) -> None:
        module, _, name = fullname.rpartition(".")
        if module in _MODULES and name in ABSENT_NAMES:
            raise NotOfferedImportError(fullname)


sys.meta_path.append(_Finder)
