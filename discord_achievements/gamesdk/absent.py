"""The GameSDK beside achievements is not here, which one error says whatever part of it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from ..domain.errors import DiscordAchievementsError

# Every public name of the two wrappers that is about something else than achievements, submodules included.
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
            f"{name} is not here: of Discord's GameSDK, discord_achievements has the achievements only."
            " Remove this use of it from the game, or leave it to the old wrapper, which can be imported as well"
        )


def absent(name: str) -> Callable[[object], NoReturn]:
    """Return a method that stands for one which hands out something that is not here."""

    def method(_self: object) -> NoReturn:
        raise NotOfferedError(name)

    return method
