"""The worker's thread: what is sent, stored and reported, and when."""
