"""The rules both sides share: pure functions and values, standard library only."""
