"""The simulator: games, network and service in one thread, in virtual time, repeatable by one seed.

Two machines of one player and one of another run the real client (`testing.InlineManager`, which has no threads), one
of them in two processes on one data folder. The real service runs behind them: the ASGI application that `serve` runs,
on an event loop that is advanced step by step. Only what cannot be repeated is replaced: threads, sockets, clocks and
random numbers. The network between the two does to each exchange what the program says.

    time_and_chance   virtual time; Python's clocks and random numbers follow it and the seed
    loop              an event loop that runs one callback at a time and never waits
    host              the service's process: its start, its requests, its death
    databases         the service's database, which outlives that process and can be restored from a backup
    network           the way from a device to the service
    faults            what can happen to an exchange, as a table
    device            the player's game: machine, files, process, and its death at any call out of the process
    steps             what can happen, one step at a time
    phrases           short stories, made of steps that belong together
    program           what happens in one run: a list of steps and phrases, made from a seed
    world             all of these together: carries a program out
    checks            what must be true at every step, and at the end once the world has calmed down
    shrink            the shortest program that still fails
    cli               `make simulate`

`make simulate SEEDS=1 ARGS='--first 17'` repeats seed 17. A failure is printed as the shortest program that breaks the
same rule. Each step is independent of those before it (an impossible step, such as closing a game that is not running,
does nothing), so any part of a program is a program. A seed repeats exactly, whatever ran before it in the process and
whatever the hash seed of Python: nothing that matters iterates over a set of texts.

How a game is killed: before the n-th call that reaches out of the process (a system call, a statement of SQLite, a
write into the journal's memory) the data folder is copied, files as the operating system has them, and an exception
unwinds the process. The next start uses the copy, so what the process did on its way out does not count. An interrupt
is the same without the copy: what the process does on its way out counts. So does what a killed process does on its way
out while another uses the folder, whose files cannot be exchanged.

What is not simulated: real threads, sockets and TLS, so no answer belongs to another connection's request, and whatever
a token object raises ends no thread; a game that does not call `run_callbacks`, for which events would pile up; the
signal that a mapped page raises on a full disk or after a truncation; a power cut, which loses what the operating
system has not written yet; a database that another program locks, since SQLite waits for that in real time (here it is
full, hidden, replaced or truncated); a journal that another program deletes; local mode, and a game that moves from it
to a service; a token object that turns out to be another player's without `set_token`; a change of player while two
processes run; a restore by hand, after which the service still names the former history; a service that names another
player in its answers, whose clock is wrong, or whose file is deleted under it; two databases that answer at one address
in turns; icons; PostgreSQL, Redis, and a service of several processes. Other tests cover each of these.
"""
