"""The stores: one backend, one file (or one small folder)."""
