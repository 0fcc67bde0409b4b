"""Starlette's sessions in a store."""
