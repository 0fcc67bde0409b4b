"""Ids: their form, their randomness, their order; hashes of content; templates."""

import array
import hashlib
import hmac
import io
import itertools
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable

import pytest

from kvcore import ids
from kvcore.errors import ConfigError, InvalidKey, InvalidValue
from kvcore.ids import Template, content_hash, content_id, random_id, uuid4, uuid7
from kvcore.keys import PATH, STRICT
from kvcore.signing import derive_key
from kvcore.testing import DribblingFile
from tests.soak import count

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


FORKING = """
import os, sys
from kvcore import ids
make = getattr(ids, sys.argv[1])
make()
if os.fork():
    os.wait()
print(make())
"""


def test_random_ids_have_the_promised_form() -> None:
    """26 characters of Crockford's alphabet in lower case: a legal key everywhere, any case."""
    for _ in range(count(200, 100_000)):
        made = random_id()
        assert len(made) == 26
        assert set(made) <= set(CROCKFORD)
        assert made in STRICT
        assert made == made.lower()


def test_every_character_is_equally_likely(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the 256 bytes makes a character, and each character comes from 8 of them."""
    made = ""
    for start in range(256):
        monkeypatch.setattr(os, "urandom", lambda size, start=start: bytes([start]) * size)
        made += random_id()[0]
    assert {char: made.count(char) for char in CROCKFORD} == dict.fromkeys(CROCKFORD, 8)


@pytest.mark.parametrize("make", [random_id, uuid4, uuid7])
def test_ids_do_not_repeat(make: object) -> None:
    """Thousands in a row are all different."""
    number = count(5_000, 2_000_000)
    assert len({make() for _ in range(number)}) == number  # type: ignore[operator]


@pytest.mark.parametrize("make", ["random_id", "uuid4", "uuid7"])
def test_a_forked_child_makes_other_ids(make: str) -> None:
    """Parent and child share no state that would make them alike."""
    run = [sys.executable, "-c", FORKING, make]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert len(set(done.stdout.split())) == 2


@pytest.mark.parametrize(("make", "version"), [(uuid4, 4), (uuid7, 7)])
def test_uuids_are_those_of_the_rfc(make: object, version: int) -> None:
    """Version and variant are set, and the text is the canonical one."""
    for _ in range(100):
        made = make()  # type: ignore[operator]
        parsed = uuid.UUID(made)
        assert (parsed.version, parsed.variant) == (version, uuid.RFC_4122)
        assert str(parsed) == made
        assert made in STRICT


@pytest.mark.parametrize("make", [uuid4, uuid7])
def test_uuids_are_random_where_they_may(
    make: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over many UUIDs every bit that is neither time, version nor variant is 0 and 1."""
    # Within a millisecond the high bits hardly change, so each gets one of its own.
    milliseconds = itertools.count(1_700_000_000_000)
    growing = ids._GrowingNumbers(clock_ns=lambda: next(milliseconds) * 1_000_000)
    monkeypatch.setattr(ids, "_times", growing)
    ever = never = 0
    for _ in range(500):
        number = uuid.UUID(make()).int
        ever |= number
        never |= ~number
    fixed = 0xF << 76 | 0b11 << 62
    if make is uuid7:
        fixed |= ((1 << 48) - 1) << 80 | 0x800 << 64  # the highest counter bit begins as 0
    full = (1 << 128) - 1
    assert ever & never & full | fixed == full


class TestGrowingNumbers:
    """What `uuid7` is made of, under a clock of our own."""

    def numbers(self, *times_ms: float) -> list[int]:
        """One number at each of these times."""
        times = iter(times_ms)
        made = ids._GrowingNumbers(lambda: int(next(times) * 1_000_000))
        return [made.next() for _ in times_ms]

    def test_the_time_comes_first(self) -> None:
        """The 48 highest bits are Unix milliseconds, as RFC 9562 §5.7 has it."""
        assert [n >> 74 for n in self.numbers(1_700_000_000_000, 1_700_000_000_001.9)] == [
            1_700_000_000_000,
            1_700_000_000_001,
        ]

    def test_they_grow_within_a_millisecond(self) -> None:
        """Ten thousand at one moment are strictly increasing, though the counter overflows."""
        made = self.numbers(*[1_700_000_000_000] * 10_000)
        assert made == sorted(set(made))
        assert made[-1] >> 74 < 1_700_000_000_000 + 100

    def test_they_grow_when_the_clock_is_set_back(self) -> None:
        """An hour back, and still each is greater than the one before."""
        made = self.numbers(1_700_000_000_000, 1_700_000_000_000 - 3_600_000, 1_700_000_000_000)
        assert made == sorted(set(made))

    def test_the_next_cannot_be_guessed(self) -> None:
        """Steps within a millisecond are large and never the same."""
        made = self.numbers(*[1_700_000_000_000] * 100)
        steps = {b - a for a, b in itertools.pairwise(made)}
        assert len(steps) == 99
        assert max(steps).bit_length() > 58

    def test_text_sorts_as_the_numbers_do(self) -> None:
        """UUIDs made one after another are in order as text."""
        made = [uuid7() for _ in range(2_000)]
        assert made == sorted(made)

    def test_threads_never_get_the_same(self) -> None:
        """Eight threads draw at once."""
        made: list[str] = []

        def draw() -> None:
            made.extend([uuid7() for _ in range(500)])

        threads = [threading.Thread(target=draw) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(made)) == 4_000


VALUE = bytes(range(256)) * 3000


@pytest.mark.parametrize(
    "content",
    [
        lambda: VALUE,
        lambda: bytearray(VALUE),
        lambda: memoryview(VALUE),
        lambda: memoryview(VALUE + VALUE)[::1][: len(VALUE)],
        lambda: array.array("B", VALUE),
        lambda: io.BytesIO(VALUE),
        lambda: DribblingFile(VALUE, 1000, seed=1),
        lambda: (VALUE[at : at + 999] for at in range(0, len(VALUE), 999)),
        lambda: [b"", VALUE[:10], b"", bytearray(VALUE[10:])],
    ],
    ids=[
        "bytes",
        "bytearray",
        "memoryview",
        "slice",
        "array",
        "file",
        "dribble",
        "iterator",
        "list",
    ],
)
def test_content_has_one_id_however_it_comes(content: object) -> None:
    """Bytes, files, crumbs and iterables of the same content have the same id."""
    assert content_id(content()) == hashlib.sha256(VALUE).hexdigest()  # type: ignore[operator]


def test_a_file_is_read_from_where_it_stands_and_left_open() -> None:
    """As ``put_file`` treats it."""
    file = io.BytesIO(b"skipped" + b"hello")
    file.seek(7)
    assert content_id(file) == content_id(b"hello")
    assert not file.closed


@pytest.mark.parametrize("content", ["text", 5, None, ["text"], [5]])
def test_content_is_bytes(content: object) -> None:
    """Anything else is an InvalidValue, a TypeError."""
    with pytest.raises(InvalidValue):
        content_id(content)  # type: ignore[arg-type]


def test_what_a_source_raises_passes() -> None:
    """An id of half a source is never given."""
    with pytest.raises(ConnectionResetError):
        content_id(DribblingFile(b"half", 1, error=ConnectionResetError()))


def test_other_hashes() -> None:
    """Any hash of a fixed size may be chosen."""
    assert content_id(b"a", hashfunc=hashlib.sha512) == hashlib.sha512(b"a").hexdigest()
    assert content_id(b"a", hashfunc=hashlib.blake2b) == hashlib.blake2b(b"a").hexdigest()
    with pytest.raises(ValueError, match="fixed digest"):
        content_id(b"a", hashfunc=hashlib.shake_128)  # type: ignore[arg-type]


class TestSecretContentIds:
    """With a secret nobody else can work out the id of a file."""

    def test_they_are_hmacs_of_a_derived_key(self) -> None:
        """Not under the secret itself: an upload must not get a signature that means something."""
        made = content_id(b"hello", secret=b"secret")
        assert made != hmac.digest(b"secret", b"hello", "sha256").hex()
        key = derive_key(b"secret", b"kvcore content id 1", hashlib.sha256)
        assert made == hmac.digest(key, b"hello", "sha256").hex()

    def test_they_depend_on_the_secret_alone(self) -> None:
        """The same in every process; text is its UTF-8; another secret gives another id."""
        made = content_id(b"hello", secret="sécret")
        assert made == content_id(b"hello", secret="sécret".encode())
        assert made == content_id(DribblingFile(b"hello"), secret="sécret")
        assert made not in {content_id(b"hello"), content_id(b"hello", secret=b"other")}

    @pytest.mark.parametrize("secret", [b"", ""], ids=["bytes", "text"])
    def test_an_empty_secret_is_refused(self, secret: bytes | str) -> None:
        """It would protect nothing, silently."""
        with pytest.raises(ValueError, match="empty"):
            content_hash(secret=secret)


class TestTemplates:
    """Where an id stands in a key."""

    @pytest.mark.parametrize(
        ("text", "key"),
        [
            ("{}", "ID"),
            ("{id}", "ID"),
            ("avatars/{id}", "avatars/ID"),
            ("{}.png", "ID.png"),
            ("{id}/{id}", "ID/ID"),
            ("{{{id}}}", "{ID}"),
            ("{{id}}-{}", "{id}-ID"),
            ("100%-%s-{}", "100%-%s-ID"),
        ],
    )
    def test_filling(self, text: str, key: str) -> None:
        """``{}`` is ``{id}``; doubled braces are braces; nothing else has a meaning."""
        assert Template(text).fill(id="ID") == key

    @pytest.mark.parametrize(
        "text",
        [
            *("", "plain", "{{id}}", "{name}", "{id}{name}", "{ID}", "{ id}", "{0}", "{id.real}"),
            *(
                "{id[0]}",
                "{id!r}",
                "{id:>9}",
                "{id:}{x}",
                "{",
                "}",
                "{id",
                "{id}}",
                "{{id}",
                "{}{1}",
            ),
            *("{id.__class__}", "{self}", "{id:{id}}"),
        ],
    )
    def test_what_is_no_template(self, text: str) -> None:
        """A template that would fail, or leak attributes, when it is used fails when it is made."""
        with pytest.raises(ConfigError, match="template"):
            Template(text)

    @pytest.mark.parametrize("text", [None, b"{}", 5])
    def test_a_template_is_text(self, text: object) -> None:
        """Anything else is a TypeError."""
        with pytest.raises(TypeError, match="str"):
            Template(text)  # type: ignore[arg-type]

    def test_values_are_not_read_as_templates(self) -> None:
        """Braces in a value stay what they are."""
        assert Template("{id}{ext}", {"id", "ext"}).fill(id="{ext}", ext="{id}") == "{ext}{id}"

    def test_further_fields(self) -> None:
        """Its maker says which names there are; ``id`` still has to be among those used."""
        assert Template("{id}{ext}", ("id", "ext")).fill(id="a", ext=".png") == "a.png"
        with pytest.raises(ConfigError, match="has no"):
            Template("{ext}", ("id", "ext"))
        with pytest.raises(ConfigError, match=r"there are \{ext\}, \{id\}"):
            Template("{id}{next}", ("id", "ext"))

    @pytest.mark.parametrize(
        ("text", "space"),
        [
            ("a/{id}", STRICT),
            ("/{id}", PATH),
            ("a//{id}", PATH),
            ("../{id}", PATH),
            ("a/{id}/", PATH),
            (".kvcore-{id}", STRICT),
            ("a/.kvcore-{id}", PATH),
            ("a\n{id}", PATH),
            ("x" * 250 + "{id}", STRICT),
        ],
    )
    def test_a_template_that_makes_no_legal_key(self, text: str, space: object) -> None:
        """The check names the template and the rule."""
        with pytest.raises(InvalidKey, match=r"the template .* makes no legal keys here") as caught:
            Template(text).check(space, id="5f7w1kz9")  # type: ignore[arg-type]
        assert caught.value.key == text.format("5f7w1kz9", id="5f7w1kz9")

    def test_a_legal_one_passes(self) -> None:
        """What makes legal keys is accepted in silence."""
        Template("a/{id}").check(PATH, id="b")
        Template("a-{id}").check(STRICT, id="b")


def test_importing_ids_is_cheap() -> None:
    """Neither uuid, secrets nor the hashes are loaded before they are used."""
    code = "import sys, kvcore.ids; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"uuid", "secrets", "hashlib", "hmac", "random", "string", "urllib.parse"}
