"""Sends the requests of the script on stdin with discord.py, and prints what came of each as JSON.

A bot logs in first, as `Client.run` does. A player's token, for which discord.py is not made, takes the place of the
bot's in the requests of another client.
"""

from __future__ import annotations

import asyncio
import json
import sys
import warnings
from types import SimpleNamespace
from typing import Any

import aiohttp

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about its parts for voice
    import discord
    from discord.http import Route


async def _main(script: dict[str, Any]) -> list[dict[str, Any]]:
    clients: dict[str, discord.Client] = {}
    for who, (scheme, token) in script["tokens"].items():
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(_with(f"{scheme} {token}"))
        clients[who] = discord.Client(intents=discord.Intents.none(), http_trace=trace)
        Route.BASE = f"{script['host']}/api/v10"
        if scheme == "Bot":
            await clients[who].login(token)
            user = clients[who].user
            assert user is not None
            assert user.id == clients[who].application_id == script["application_id"]
            assert (await clients[who].http.get_bot_gateway())[0] == 1
        else:
            await clients[who].http.static_login(token)
    plays = [_play(clients[request["who"]], script["host"], request) for request in script["requests"]]
    results = await asyncio.gather(*plays) if script["at_once"] else [await play for play in plays]
    for client in clients.values():
        await client.close()
    return results


def _with(authorization: str) -> Any:
    async def set_header(_: Any, __: SimpleNamespace, started: aiohttp.TraceRequestStartParams) -> None:
        started.headers["Authorization"] = authorization

    return set_header


async def _play(client: discord.Client, host: str, request: dict[str, Any]) -> dict[str, Any]:
    Route.BASE = f"{host}/api" + (f"/{request['version']}" if request["version"] else "")
    more = {} if request["json"] is None else {"json": request["json"], "reason": "Because ä"}
    try:
        return {"status": None, "body": await client.http.request(Route(request["method"], request["path"]), **more)}
    except discord.HTTPException as exc:
        return {"status": exc.status, "code": exc.code}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_main(json.load(sys.stdin)))))
