"""The simulator: games, network and service in one thread, in virtual time, by one seed.

Two devices of one player and one of another run the real client (`testing.InlineManager`, which has no thread). The
real service runs behind them as the ASGI application that `serve` runs, on an event loop that is stepped (`loop`).
What is replaced is what cannot be repeated: threads, sockets, clocks and random numbers. Between the two is a network
that does to each exchange what the program says (`faults`).

    time_and_chance   the clock that all share; what Python takes from the machine comes from the seed meanwhile
    loop              an event loop that runs one callback at a time and never waits
    host              the service's process: its start, its requests, its death
    network           one device's way to the service
    faults            what can happen to an exchange, as a table
    device            the player's game: its files, its process, its death at any call of C
    program           what happens in one run: a list of steps, made from a seed
    world             all of these together: carries a program out
    checks            what must be true at every step, and at the end when the world has calmed down
    shrink            the shortest program that still fails
    cli               `make simulate`

A failure is repeated by its seed: `python -m tests.simulation.cli --seed 17`. It is written as the shortest program
that fails in the same way. Each step is independent of those before it (a step that makes no sense, such as closing a
game that does not run, does nothing), so any part of a program is a program.

How a process is killed. Before the n-th call of a C function (a system call, a statement of SQLite, a write into the
journal's memory) the data folder is copied, files as the operating system has them, and the process is unwound by an
exception. What it did after the copy does not count: the next start uses the copy.

What is not simulated: real threads, sockets and TLS (the contract suites and `tests/e2e` have those), signals that a
mapped page raises, and file systems that are full; PostgreSQL and Redis.
"""
