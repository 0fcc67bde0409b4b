"""`StoreContract`: the suite that decides what a backend is, as a pytest class to subclass.

Each module holds the tests of one matter; here they become one class.
"""

from __future__ import annotations

from kvcore.testing.contract.addresses import AddressTests
from kvcore.testing.contract.concurrency import ConcurrencyTests
from kvcore.testing.contract.conditions import ConditionalDeleteTests, ConditionalWriteTests
from kvcore.testing.contract.copying import CopyMoveTests, CopyTests, MoveTests
from kvcore.testing.contract.counting import CountingTests
from kvcore.testing.contract.fixtures import StoreFixtures as StoreFixtures
from kvcore.testing.contract.get_file import GetFileTests
from kvcore.testing.contract.keys import HostileReadingTests, HostileWritingTests
from kvcore.testing.contract.life import ErrorTests, LifeTests
from kvcore.testing.contract.listing import ListingTests
from kvcore.testing.contract.many import ManyTests
from kvcore.testing.contract.opening import OpeningTests
from kvcore.testing.contract.put_file import CallersFileTests, PutFileTests
from kvcore.testing.contract.reading import ReadingTests
from kvcore.testing.contract.ttl import TimeToLiveTests, TouchTests
from kvcore.testing.contract.versions import EtagTests, PinnedReadingTests
from kvcore.testing.contract.writer import WriterTests
from kvcore.testing.contract.writing import DeleteTests, PutTests


class ReadingContract(
    ReadingTests,
    AddressTests,
    OpeningTests,
    GetFileTests,
    ListingTests,
    HostileReadingTests,
):
    """The part of the suite that only reads, for stores that do not write.

    Override ``fill``, by which the tests bring the values in.
    """


class StoreContract(
    ReadingContract,
    PutTests,
    DeleteTests,
    PutFileTests,
    CallersFileTests,
    HostileWritingTests,
    PinnedReadingTests,
    EtagTests,
    ConditionalWriteTests,
    ConditionalDeleteTests,
    TimeToLiveTests,
    TouchTests,
    WriterTests,
    CopyMoveTests,
    CopyTests,
    MoveTests,
    ManyTests,
    CountingTests,
    ConcurrencyTests,
    LifeTests,
    ErrorTests,
):
    """Everything that a store is to do. Subclass it and give it a fixture ``store``.

    The subclass's name begins with ``Test``; what `StoreFixtures` names besides has defaults::

        class TestMyStore(StoreContract):
            @pytest.fixture
            def store(self, tmp_path):
                return MyStore(tmp_path / "data")

            def reopen(self, store):
                return MyStore(store.path)
    """
