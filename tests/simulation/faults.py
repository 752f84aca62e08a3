"""What can happen to an exchange between a game and the service, as a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from discord_achievements.client.net.transport import Response

LATENCY_S = 0.02


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to one request and its answer.

    `is_refused`: there is no connection. `cut`: the connection breaks when the answer would arrive. `changed` is
    applied to the answer on its way. `stranger` is the answer of a third party; the service never gets the request.
    `again_after_s`: the service gets the request a second time, after so many seconds.
    """

    is_lost: bool = False
    is_answer_lost: bool = False
    is_refused: bool = False
    cut: bool = False
    request_s: float = LATENCY_S
    answer_s: float = LATENCY_S
    again_after_s: float | None = None
    changed: Callable[[Response], Response] | None = None
    stranger: Response | None = None


NONE = Fault()


def _page(status: int, text: str = "<!DOCTYPE html><title>Sign in</title>", **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(stranger=Response(status, {"content-type": "text/html", **named}, text.encode()))


def _json(status: int, value: object, **headers: str) -> Fault:
    body = json.dumps(value).encode()
    return Fault(stranger=Response(status, {"content-type": "application/json", **headers}, body))


def _halved(answer: Response) -> Response:
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def _with_a_strange_entry(answer: Response) -> Response:
    """Damage one entry of a list: this one is of a later version, say."""
    entries = json.loads(answer.body) if answer.body.startswith(b"[{") else []
    if not entries:
        return answer
    entries[0]["percent_complete"] = "most"
    return replace(answer, body=json.dumps(entries).encode())


def _marked(answer: Response) -> Response:
    return replace(answer, body=b"\xef\xbb\xbf" + answer.body)


def _without_its_body(answer: Response) -> Response:
    return replace(answer, body=b"")


FAULTS: Mapping[str, Fault] = {
    "no connection": Fault(is_refused=True),
    "request lost": Fault(is_lost=True),
    "answer lost": Fault(is_answer_lost=True),
    "connection cut": Fault(cut=True),
    "slow answer": Fault(answer_s=4.0),
    "answer too late": Fault(answer_s=50.0),
    "request too late": Fault(request_s=25.0),
    "request much too late": Fault(request_s=90.0),
    "twice": Fault(again_after_s=3.0),
    "twice, a minute apart": Fault(again_after_s=60.0),
    "truncated": Fault(changed=_halved),
    "empty": Fault(changed=_without_its_body),
    "strange entry": Fault(changed=_with_a_strange_entry),
    "byte order mark": Fault(changed=_marked),
    "portal": _page(200),
    "portal without a text": _page(200, ""),
    "nothing": Fault(stranger=Response(204)),
    "queued": _json(202, {}),
    "not modified": Fault(stranger=Response(304)),
    "redirect": _page(302, location="https://portal.invalid/"),
    "proxy's 403": _page(403),
    "proxy's 404": _page(404),
    "proxy's 407": _page(407),
    "proxy's 429": _page(429),
    "bad gateway": _page(502),
    "maintenance": _page(503, retry_after="7"),
    "another program's JSON": _json(200, {"status": "ok"}),
    "another achievement's record": _json(200, {"achievement_id": "1", "percent_complete": 100, "unlocked_at": None}),
    "limited": _json(429, {"message": "slow down", "retry_after": 3.0, "global": True}, **{"retry-after": "3"}),
    "internal error": _json(500, {"message": "500: Internal Server Error", "code": 0}),
}
