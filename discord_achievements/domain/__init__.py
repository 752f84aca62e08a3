"""The rules that client and service share: pure functions and values, standard library only.

progress      what two values of one achievement become: progress only rises, the first unlock time stays
access        who may do what, and what a player may know
retry         what an answer means: keep or drop the update, which `Result`, when to try again
ratelimit     rate-limit headers, read and written, and how long they make a client wait
routes        the routes: method, path, kind of token, success status, limit
wire          the JSON objects and events of the protocol, read and written
definition    the body of a request that creates or updates an achievement, checked
catalogue     the catalogue file, checked
localization  Discord's locales, and which of several translations a player reads
models        the two structs that a game sees, and the limits of their fields
result        `Result`, with the GameSDK's numbers
snowflake     ids: what is one, how one is made, read and written
errors        every exception, and Discord's error bodies as data
"""
