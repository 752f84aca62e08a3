"""What is kept on this machine.

storage         the data folder: opens the files, recovers what a crash left, continues in memory if they fail
database        the SQLite file: definitions, players and their progress
players         who is who in it
owner           whose progress it is, before anybody knows the player
journal         what makes a set crash-safe before the call returns
filelock        an exclusive lock on an open file
icons           PNG files, fetched once and kept
catalogue_file  reads the catalogue and finds its icons
pacing          how long the worker may hold the interpreter at a time
"""
