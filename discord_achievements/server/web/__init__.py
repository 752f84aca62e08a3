"""The service's HTTP: the API, everything beside it, and the processes that serve them."""
