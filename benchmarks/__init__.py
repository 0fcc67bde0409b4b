"""`python -m benchmarks`: kvcore beside the raw calls below it and the libraries next to it.

A `row.Row` is one line of a table; the rows of one subject stand in one file of `topics`. A row
asks a few contestants to do the same work, `measure` has them take turns, `table` shows the
ratios. Nothing here is installed with kvcore.
"""
