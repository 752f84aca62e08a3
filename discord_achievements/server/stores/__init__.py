"""The stores: what is kept, behind one interface."""
