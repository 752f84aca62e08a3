"""The way to the service. See `client` for the map."""
