"""The service: Discord's documented achievements HTTP on SQLite or PostgreSQL. Needs the extra [server].

The life of one update, from the socket to the player's other device:

    PUT ─► web.process ─► web.app ─► web.api ─► service ─► writer ─► store ─► SQLite | PostgreSQL
                                                             │ after the commit
                                                             ▼
    other device ◄─ streams ◄─ broker ◄─ NOTIFY | Redis ◄─ events

`PUT …/achievements/{id}` arrives at `web.process` (uvicorn) and `web.app` passes it to `web.api`. The route table
finds the route, `auth` the caller, `definition_cache` the application's achievements; `domain.access` decides whether
the caller may. `limiter` counts the request. The handler in `web.endpoints` reads the body and calls `service`, which
hands the write to `writer`. The writer's thread commits all waiting writes in one transaction; the progress rule in
`domain.progress` decides what each record becomes. After the commit `events` publishes what the player may know to the
`broker`, and the request is answered. Each process delivers the event to the `streams` it holds of that player.

Threads. Each process has one event loop, which owns everything here except what is listed next. A thread of the
`writer` commits; eight threads of `stores.calls` make the other store calls that may block; on PostgreSQL there are
three more: one listens for changed definitions, one listens for events, one sends events. They share the store, whose
methods may be called from any thread, and report to the loop by futures and `call_soon_threadsafe`; a changed
generation is a plain number.

Processes share the database, Redis if it is set, and nothing else. Each keeps in memory what it has read, while the
store's *generation* stays the same: a number that changes with every change of applications, tokens or definitions.

    service            what each route does, without HTTP
    definitions        an application's achievements, prepared for answers; definition_cache keeps the current ones
    history            which history answers belong to, so that clients notice a restored backup
    etags              the `ETag` of each player's list, so that a poll without news is cheap
    cursors            where a client's list was, so that it is sent only what has changed since
    changes            what has changed since a moment, for events and cursors
    events             sends players the events of changes, including those that a resumed stream has missed
    streams            the open event streams of this process: events, comments, and a RESYNC to each from time to time
    broker             brings events to the streams of other processes
    writer             commits progress, many updates in one transaction
    auth               makes tokens and identifies callers
    limiter            counts requests against rate limits
    icons              verifies uploaded pictures and converts them
    identity           answers what clients written for Discord ask when they log in
    catalogue_import   brings an application up to date with a catalogue
    settings, dsn      every setting; the URLs of databases and Redis; duration reads `30d`
    metrics            numbers for Prometheus
    outage_log         the log of requests that failed because the database is unavailable
    stores/            what is remembered: base (the interface), memory, sql and sqlite; calls (from the event loop),
                       schema and migrate (the tables), unmigrated (reads a database as it is)
    postgres/          the store and the broker on PostgreSQL
    redis/             the broker and the limiter on Redis or Valkey
    web/               run, workers and process start it; app puts it together; api (the steps of a request, rate-limit
                       headers), call, endpoints (a row for each route), messages, openapi and responses are the API;
                       ops is what is outside /api; http_connection bounds slow clients; logs

To add a route: its shared row in `domain.routes`, its row and handler in `web.endpoints`, what it does in `service`.
"""
