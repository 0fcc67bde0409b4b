"""Copying all values of one store to another: in batches and streams, by several workers."""

from kvcore.copying.report import CopyReport as CopyReport
from kvcore.copying.run import copy_store as copy_store
