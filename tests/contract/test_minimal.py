"""The suite on stores that leave all they may to the defaults of the contract."""

import pytest

from kvcore import DictStore, KeyValueStore, PrefixDecorator
from kvcore.testing import Clock, StoreContract, StoreMachine
from tests.contract.minimal import EveryOption, FourMethods, Small
from tests.contract.stacks import innermost
from tests.contract.test_machines import SETTINGS


class TestFourMethods(StoreContract):
    @pytest.fixture
    def store(self) -> KeyValueStore:
        """An empty store."""
        return FourMethods()

    def plant(self, store: KeyValueStore, name: str, data: bytes) -> None:
        """Put into the dict what the store would refuse."""
        innermost(store).d[name] = data


class TestFourMethodsBelowAPrefix(TestFourMethods):
    @pytest.fixture
    def store(self) -> KeyValueStore:
        """An empty stack: hooks without options below a decorator that hands them on."""
        return PrefixDecorator("a-", FourMethods())


class TestEveryOption(StoreContract):
    @pytest.fixture
    def store(self, clock: Clock) -> KeyValueStore:
        """An empty store."""
        return EveryOption(DictStore(clock=clock, keys="path"))


class TestSmall(StoreContract):
    """A store with narrow limits is tried within them, and at them."""

    max_value_bytes = Small.limit
    many_keys = 5

    @pytest.fixture
    def store(self) -> KeyValueStore:
        """An empty store."""
        return Small()


def test_sequences_on_four_methods() -> None:
    """What the defaults make of four methods behaves as a dict."""
    StoreMachine.check(lambda clock: FourMethods(), settings=SETTINGS)


def test_sequences_on_every_option() -> None:
    """So do conditions, expiry and counters by the defaults."""
    StoreMachine.check(lambda clock: EveryOption(DictStore(clock=clock)), settings=SETTINGS)


def test_sequences_on_a_store_that_cannot_list() -> None:
    """Nor does it need a listing."""

    class Roomy(Small):
        limit = 100_000

    StoreMachine.check(lambda clock: Roomy(), settings=SETTINGS)
