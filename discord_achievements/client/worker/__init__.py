"""The worker's thread: what is stored, sent and reported, and when. See `client` for the map."""
