"""The game's side. This page is the map; start here.

Threads, and what each one owns
    the game's    the manager, the list that the game reads, all callbacks. Never waits: no file, no socket, no lock,
                  except in the constructor, flush and close; the journal, which it writes, is mapped memory (where
                  that is unsafe, an open file)
    worker        the database, every decision about what is sent. Never waits for the network or for the token object
    courier       one exchange with the service, or one call of the token object, at a time. May wait
    reader        one event stream and its buffer. May wait

What they share
    outbox        game, courier and reader to worker: a queue of messages (messages, courier, net.event_stream)
    inbox         worker to game: a queue that run_callbacks() empties
    the journal   the game's thread writes records; the worker notes the last record up to which
                  everything is in the database
    Status        assigned whole by the worker, read by the manager
    the buffer    of the reader: bounded; while it is full the reader does not read, so a flood waits in the connection

The life of one set, from the call to the other device
    1. manager.set_user_achievement checks it, writes a record into the journal (from now on it survives a crash), and
       puts a Set into the outbox and, if it is news, a UserAchievement into its own inbox.
    2. run_callbacks: callbacks shows the new value and calls on_user_achievement_update, online or not.
    3. worker.engine stores it in one transaction (from now on it survives a power cut) and adds it to what is pending
       in worker.schedule. Local mode ends here, with OK.
    4. worker.schedule decides when to send; the courier sends; what comes back is a message to the worker.
    5. worker.answers stores what the service holds, in one transaction; worker.news and worker.waiting send the game
       the value and the Result of its call.
    6. The service's event stream carries the change to the player's other devices: their reader, worker.stream,
       worker.answers, worker.news, callbacks.

Modules of the game's thread
    manager         the verbs, nothing else
    options         the constructor's arguments, checked and frozen
    callbacks       what run_callbacks() shows and calls, in which order, and how much in a frame
    player_list     the list: compact columns, objects on demand
    columns         the columns as the database has them (shared with worker and disk)
    state           what is kept and shown of one achievement (shared with worker and disk)
    event           on_user_achievement_update and on_connection_change: handlers
    messages        everything that the game and the worker send each other
    token           the player's bearer token, checked; token objects
    clock           monotonic seconds and UTC microseconds
    lifetime        the end of a manager that nobody closes
    unlock_age      how old the unlocks of this run are, whatever the wall clock does
    uncopied        objects that cannot be copied or pickled
    wrong_calls     warnings about calls of the verbs that can never succeed (options and token check the constructor's)

worker/ (the worker's thread)
    start           puts a worker together for a manager
    thread          waits for messages and for the time of the next action
    engine          the game's commands: what is set is stored, what is asked is answered
    conversation    what the schedule decides is begun; what comes of it is taken in; follows the player
    schedule        what to ask the service next: decides, never acts
    stream_or_poll  when to open the event stream, and when to poll
    session         the token in use, when the token object is asked or refreshed, and the player to whom it leads
    courier         the thread that may wait
    stream          the event stream: open, take, leave
    answers         what the service says goes into the database
    waiting         the game's calls that have no answer yet
    news            what the game receives of its list

disk/ (this machine)
    storage         the data folder: opens the files, sets a damaged database aside, recovers what a crash left,
                    continues in memory while files fail
    database        the SQLite file: definitions, players and their progress
    sqlite_file     how SQLite gets at that file, and whether it is still the one at its path
    image_file      a file whose path is too long for SQLite
    reunion         brings what was kept in memory, or in a file that was replaced, into the file that is there
    players         identifies the players in it; which of them takes over what was set in local mode
    owner           whose progress a record is, before the player is known
    journal         makes a set crash-safe before the call returns
    record_file     how a record gets into the journal: mapped memory, or a file call where that is unsafe
    filelock        an exclusive lock on an open file
    icons           PNG files, fetched once and kept
    catalogue_file  reads the catalogue and finds its icons
    pacing          how long the worker may hold the interpreter at a time

net/ (the way to the service)
    transport           the boundary: a request goes in, an answer or a TransportError comes out; size limit of a body
    requests_transport  the only module that imports requests
    strict_answer       the time limit of an answer; refuses truncated headers
    sockets             ends a connection on which another thread is waiting
    hosts               which hosts are this machine
    api                 the requests, and how to read their answers
    event_stream        the reader: server-sent events, on its own thread, into a bounded buffer

disk and net know neither the worker nor each other; of the game's thread only manager and lifetime meet the worker.
"""
