"""The state machine finds bugs by itself, and leaves a sound store alone."""

import hypothesis
import pytest

from kvcore import DictStore, KeyValueStore
from kvcore.testing import Clock, StoreMachine
from tests.kit.mutants import MUTANTS
from tests.soak import count

SEEN_BY_THE_MACHINE = [
    *("EmptyIsMissing", "RangeOffByOne", "InAsPrefix", "WrongSize", "LostContentType"),
    *("PrefixOffByOne", "FoldsCase", "KeepsTheHalf", "StaleEtag", "IfMatchIgnored"),
    *("DeleteIgnoresIfMatch", "LostTtl", "TouchIgnored", "CopyTakesTheSource", "CloseForgets"),
]
# The same sequences each time: a bug is found or not, without luck.
SETTINGS = hypothesis.settings(
    max_examples=1000,  # it ends with the first that shows the bug
    stateful_step_count=20,
    derandomize=True,
    database=None,
    report_multiple_bugs=False,
    deadline=None,
    phases=[hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
)


@pytest.mark.filterwarnings("ignore:unfinished:ResourceWarning")
@pytest.mark.parametrize("name", SEEN_BY_THE_MACHINE)
def test_a_mutant_is_found(name: str) -> None:
    """A sequence of verbs shows the bug."""
    store = MUTANTS[name].store
    with pytest.raises(BaseException) as caught:  # noqa: PT011  # the bug decides which
        StoreMachine.check(lambda clock: store(clock=clock), settings=SETTINGS)
    assert not isinstance(caught.value, KeyboardInterrupt | SystemExit)


def test_a_sound_store_passes() -> None:
    """None of these sequences is a false alarm."""
    settings = hypothesis.settings(SETTINGS, max_examples=count(25, 1000))
    StoreMachine.check(lambda clock: DictStore(clock=clock), settings=settings)


def test_a_machine_needs_a_store() -> None:
    """A subclass that makes no store is told so."""
    with pytest.raises(NotImplementedError, match="makes its store"):
        StoreMachine()


def test_a_machine_can_be_subclassed() -> None:
    """As any machine of Hypothesis, with a ``TestCase`` for unittest and pytest."""

    class Memory(StoreMachine):
        def make_store(self, clock: Clock) -> KeyValueStore:
            return DictStore(clock=clock)

    assert Memory.TestCase.settings is not None
    machine = Memory()
    machine.put("a", b"1", "put", None, 10, None)
    machine.wait(7.3)
    machine.read("a", 0, None)
    machine.wait(7.3)
    machine.holds_what_the_model_holds()
    assert machine.store.keys() == []
    machine.teardown()
