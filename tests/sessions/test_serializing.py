"""Tagged JSON: what goes in comes out, of the same types, and nothing else does."""

from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from flask.json.tag import TaggedJSONSerializer
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from kvcore.errors import SessionNotSerializable
from kvcore.sessions import TaggedJSON

serializer = TaggedJSON()

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.uuids()
    | st.datetimes(timezones=st.sampled_from([None, UTC])).map(lambda one: one.replace(fold=0))
    | st.text().map(Markup)
)
keys = st.text() | st.sampled_from([" t", " di", " k", " t__", " di__", " ", " m"])
any_keys = keys | st.integers() | st.booleans() | st.none() | st.tuples(st.integers())
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(keys, inner, max_size=3)
        | st.dictionaries(any_keys, inner, max_size=3)
    ),
    max_leaves=10,
)


def shape(value: object) -> object:
    """The value and the types of all that is in it; ``1 == True`` and ``Markup == str``."""
    if isinstance(value, dict):
        return [(shape(key), shape(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return type(value), list(map(shape, value))
    return type(value), repr(value)


@given(st.dictionaries(keys, values, max_size=4))
def test_all_types_come_back(content: dict[str, Any]) -> None:
    """With their types, however deep, and in their order; equal contents make equal bytes."""
    data = serializer.dumps(content)
    found = serializer.loads(data)
    assert shape(found) == shape(content)
    assert serializer.dumps(found) == data


@given(st.binary() | st.text().map(str.encode))
def test_other_bytes_are_refused(data: bytes) -> None:
    """With a ValueError, whatever they are."""
    try:
        assert isinstance(serializer.loads(data), dict)
    except ValueError:
        pass


flask_scalars = (
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.uuids()
) | st.text().map(Markup)
flask_keys = keys.filter(lambda key: key != " k")  # a tag of ours alone
flask_values = st.recursive(
    flask_scalars,
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple) | st.dictionaries(flask_keys, inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1), flask_values, min_size=2, max_size=4))
def test_flask_writes_the_same(content: dict[str, Any]) -> None:
    """The tags are Flask's: it could read what we write, and we read what it writes."""
    flask = TaggedJSONSerializer()
    assert serializer.dumps(content).decode() == flask.dumps(content)
    assert shape(serializer.loads(flask.dumps(content).encode())) == shape(content)


def test_datetimes_are_exact() -> None:
    """Microseconds and zones stay, as does a datetime without a zone."""
    moments = [
        datetime(2026, 11, 23, 12, 0, 0, 123456),  # noqa: DTZ001  # one without a zone is meant
        datetime(2026, 11, 23, tzinfo=UTC),
        datetime(2026, 11, 23, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        datetime(1, 1, 1, tzinfo=UTC),
    ]
    found = serializer.loads(serializer.dumps({"moments": moments}))["moments"]
    assert found == moments
    assert [moment.tzinfo for moment in found] == [moment.tzinfo for moment in moments]


class Color(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Point(NamedTuple):
    x: int
    y: int


class Words(list[str]):
    pass


def test_what_is_of_a_type_of_its_own_becomes_the_plain_one() -> None:
    """Members of enumerations, named tuples, lists and dicts of the application."""
    content = {"color": Color.RED, "level": Level.HIGH, "at": Point(1, 2), "words": Words("ab")}
    found = serializer.loads(serializer.dumps(content))
    assert found == {"color": "red", "level": 3, "at": (1, 2), "words": ["a", "b"]}
    assert {type(value) for value in found.values()} == {str, int, tuple, list}


class Page:
    def __html__(self) -> str:
        return "<b>bold</b>"


def test_what_is_html_becomes_markup() -> None:
    """As in Flask: a message may be anything that says what it looks like."""
    found = serializer.loads(serializer.dumps({"flash": Page()}))["flash"]
    assert isinstance(found, Markup)
    assert found == "<b>bold</b>"


def test_a_uuid_is_no_text() -> None:
    """Nor the other way round."""
    one = UUID(int=5)
    assert serializer.loads(serializer.dumps({"a": one, "b": str(one)})) == {
        "a": one,
        "b": str(one),
    }


def test_what_cannot_be_stored_says_where_it_is() -> None:
    """The key at the top, the type, and what to do."""
    with pytest.raises(SessionNotSerializable, match=r"session\['who'\] .*a object.*the store"):
        serializer.dumps({"fine": 1, "who": {"deep": [object()]}})
