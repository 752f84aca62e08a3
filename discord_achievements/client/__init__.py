"""The game's side: the manager on the game thread, and the worker that owns disk and network."""
