"""The stores: what the service remembers, behind one interface."""
