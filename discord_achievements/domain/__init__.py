"""The rules that client and service share: pure functions and values, standard library only."""
