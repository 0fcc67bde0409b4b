"""The suite on `DictStore`."""

from tests.contract.stacks import AroundMemory


class TestMemory(AroundMemory):
    pass


class TestMemoryOfPaths(AroundMemory):
    keys = "path"
