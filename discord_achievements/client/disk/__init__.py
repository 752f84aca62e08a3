"""What is kept on this machine. See `client` for the map."""
