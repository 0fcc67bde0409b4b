"""Faults on purpose: system calls that fail (`shim`), children that race or are killed."""
