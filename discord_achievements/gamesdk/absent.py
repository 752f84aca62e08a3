"""Any part of the GameSDK other than achievements raises NotOfferedError."""

from __future__ import annotations

from collections.abc import Callable
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


class NotOfferedError(DiscordAchievementsError, NotImplementedError):
    """Old code uses a part of the GameSDK that is not about achievements; the message says which."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is not offered: discord_achievements has only the achievements of Discord's GameSDK."
            " Remove it from the game, or import it from the old wrapper, which can be used at the same time"
        )


def absent(name: str) -> Callable[[object], NoReturn]:
    """Return a method that raises `NotOfferedError` for `name`."""

    def method(_self: object) -> NoReturn:
        raise NotOfferedError(name)

    return method
