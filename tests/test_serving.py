"""What is answered for a value: a pure plan, by the rules of RFC 9110, safe by default."""

from datetime import UTC, datetime

import pytest

from kvcore import Stat
from kvcore.serving import Presentation, ResponsePlan, byte_range, plan_response

PNG = b"\x89PNG\r\n\x1a\n" + b"." * 92
MODIFIED = datetime(2026, 11, 23, 12, 0, 0, 700_000, UTC)
STAT = Stat(size=100, modified=MODIFIED, etag="17-1000-99")


def plan(
    head: bytes = PNG,
    stat: Stat = STAT,
    method: str = "GET",
    *,
    filename: str = "cat.png",
    as_attachment: bool = False,
    **headers: str,
) -> ResponsePlan:
    """A plan for request headers given as `If_None_Match=...`."""
    asked = {name.replace("_", "-"): value for name, value in headers.items()}
    shown = Presentation(filename, as_attachment)
    return plan_response(method, asked.get, stat, head, shown)


ETAG = plan().headers["ETag"]


def test_a_picture_is_shown() -> None:
    """A known picture goes out whole, inline, under its real type and its name."""
    answer = plan()
    assert (answer.status, answer.start, answer.length) == (200, 0, 100)
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Disposition"] == 'inline; filename="cat.png"'
    assert answer.headers["Content-Length"] == "100"
    assert answer.headers["Last-Modified"] == "Mon, 23 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    "asked", [{}, {"If_None_Match": "*"}, {"If_Match": '"x"'}, {"Range": "bytes=500-"}]
)
def test_every_answer_is_safe(asked: dict[str, str]) -> None:
    """Nosniff, kept to this site, and a private cache, whatever the status."""
    headers = plan(**asked).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "private, max-age=0, must-revalidate"


NOTHING = "sandbox; default-src 'none'"


PLAYER = "sandbox allow-same-origin; default-src 'none'; media-src 'self'"


@pytest.mark.parametrize(
    ("head", "policy"),
    [
        (PNG, f"{NOTHING}; style-src 'unsafe-inline'"),
        (b"RIFF\0\0\0\0WAVE", PLAYER),
        (b"\0\0\0 ftypisom", PLAYER),
        (b"words", NOTHING),
        (b"<svg/>", NOTHING),
        (b"<html>", NOTHING),
        (b"%PDF-1.7", NOTHING),
        (b"\0\0\0 ftypqt  ", NOTHING),
    ],
)
def test_no_policy_lets_scripts_run(head: bytes, policy: str) -> None:
    """What is shown may have what the browser's own page for it needs; a download, nothing."""
    assert plan(head, Stat(len(head))).headers["Content-Security-Policy"] == policy
    for answer in (
        plan(head, Stat(len(head)), as_attachment=True),
        plan(head, If_Match='"x"'),
        plan(head, Range="bytes=500-"),
    ):
        assert answer.headers["Content-Security-Policy"] == NOTHING


def test_a_copy_keeps_its_policy() -> None:
    """The headers of a 304 go over those of the copy, and it does not know what the value is."""
    assert "Content-Security-Policy" not in plan(If_None_Match="*").headers


@pytest.mark.parametrize(
    "head",
    [
        b"<svg onload='alert(1)'/>",
        b"<html><script>alert(1)</script>",
        b"<?xml version='1.0'?><x/>",
        b"alert(1)",
        b"MZ\x90\x00",
        b"%PDF-1.7",
        b"PK\x03\x04",
    ],
)
@pytest.mark.parametrize("filename", ["cat.png", "page.html", ""])
def test_what_might_run_is_a_download(head: bytes, filename: str) -> None:
    """Neither the name nor anything else makes a browser show what is not on the list."""
    headers = plan(head, Stat(len(head)), filename=filename).headers
    assert headers["Content-Disposition"].partition(";")[0] == "attachment"
    assert headers["Content-Type"] in {
        "application/octet-stream",
        "application/pdf",
        "application/zip",
    }


def test_text_says_its_encoding() -> None:
    """Text is shown as UTF-8, so that no browser guesses another encoding (and UTF-7 in it)."""
    assert plan(b"words", Stat(5)).headers["Content-Type"] == "text/plain; charset=utf-8"


def test_a_download_may_be_asked_for() -> None:
    """`as_attachment` makes a download of what would be shown."""
    headers = plan(as_attachment=True).headers
    assert headers["Content-Disposition"] == 'attachment; filename="cat.png"'
    assert headers["Content-Type"] == "image/png"


def test_head_has_the_headers_of_get() -> None:
    """HEAD differs from GET by its empty body alone, and knows no ranges."""
    answer = plan(method="HEAD", Range="bytes=0-9")
    assert (answer.status, answer.length) == (200, 0)
    assert answer.headers == plan().headers


@pytest.mark.parametrize(
    "headers",
    [
        {"If_None_Match": "*"},
        {"If_Match": '"other"'},
        {"If_Modified_Since": "Mon, 23 Nov 2026 12:00:00 GMT"},
        {"Range": "bytes=0-9"},
    ],
)
def test_other_methods_get_the_whole_value(headers: dict[str, str]) -> None:
    """RFC 9110 §13.1.3 and §14.2: conditions and ranges of a POST do not shorten its answer."""
    assert plan(method="POST", **headers) == plan()


def test_the_etag_tells_no_inode() -> None:
    """Two versions have two etags, neither of which shows the store's own."""
    assert "17" not in ETAG.split("-")
    assert STAT.etag not in ETAG
    assert plan(stat=STAT._replace(etag="other")).headers["ETag"] != ETAG
    assert "ETag" not in plan(stat=Stat(100)).headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If_None_Match": ETAG}, 304),
        ({"If_None_Match": f"W/{ETAG}"}, 304),
        ({"If_None_Match": f'"other", {ETAG}'}, 304),
        ({"If_None_Match": "*"}, 304),
        ({"If_None_Match": '"other"'}, 200),
        ({"If_None_Match": "nonsense"}, 200),
        ({"If_Modified_Since": "Mon, 23 Nov 2026 12:00:00 GMT"}, 304),
        ({"If_Modified_Since": "Mon, 23 Nov 2026 11:59:59 GMT"}, 200),
        ({"If_Modified_Since": "Mon, 23 Nov 2026 12:00:00 -0000"}, 304),
        ({"If_Modified_Since": "nonsense"}, 200),
        ({"If_Modified_Since": ""}, 200),
        ({"If_Modified_Since": f"Mon, 23 Nov {10**30} 12:00:00 GMT"}, 200),
        ({"If_Modified_Since": f"Mon, 23 Nov 2026 12:00:00 +{10**30}"}, 200),
        ({"If_Modified_Since": "Mon, 01 Jan 0001 00:00:00 +2359"}, 200),
        ({"If_Modified_Since": "Fri, 31 Dec 9999 23:59:59 -2359"}, 304),
        (
            {"If_None_Match": '"other"', "If_Modified_Since": "Mon, 23 Nov 2026 12:00:00 GMT"},
            200,
        ),
        ({"If_None_Match": ETAG, "Range": "bytes=0-9"}, 304),
    ],
)
def test_a_copy_that_is_still_good_is_not_sent_again(headers: dict[str, str], status: int) -> None:
    """RFC 9110 §13.1.2 and §13.1.3: the etag decides, the date only without one."""
    answer = plan(**headers)
    assert answer.status == status
    if status == 304:
        assert answer.length == 0
        assert answer.headers["ETag"] == ETAG
        assert "Content-Length" not in answer.headers


def test_without_an_etag_only_a_star_matches() -> None:
    """A store that has no etags gives none to compare."""
    assert plan(stat=Stat(100), If_None_Match='""').status == 200
    assert plan(stat=Stat(100), If_None_Match="*").status == 304


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If_Match": ETAG}, 200),
        ({"If_Match": "*"}, 200),
        ({"If_Match": f'"other", {ETAG}'}, 200),
        ({"If_Match": f'"other",{ETAG}'}, 200),
        ({"If_Match": '"other"'}, 412),
        ({"If_Match": f"W/{ETAG}"}, 412),
        ({"If_Match": ""}, 412),
        ({"If_Unmodified_Since": "Mon, 23 Nov 2026 12:00:00 GMT"}, 200),
        ({"If_Unmodified_Since": "Mon, 23 Nov 2026 11:59:59 GMT"}, 412),
        ({"If_Unmodified_Since": "nonsense"}, 200),
        ({"If_Match": ETAG, "If_Unmodified_Since": "Mon, 23 Nov 2026 11:59:59 GMT"}, 200),
        ({"If_Match": '"other"', "If_None_Match": ETAG}, 412),
        ({"If_Match": ETAG, "If_None_Match": ETAG}, 304),
        ({"If_Match": ETAG, "Range": "bytes=0-9"}, 206),
        ({"If_Match": '"other"', "Range": "bytes=0-9"}, 412),
    ],
)
def test_a_demand_that_does_not_hold_is_refused(headers: dict[str, str], status: int) -> None:
    """412 by RFC 9110 §13.1.1, §13.1.4 and §13.2.2: a client puts no two versions together."""
    answer = plan(**headers)
    assert answer.status == status
    if status == 412:
        assert (answer.length, answer.headers["Content-Length"]) == (0, "0")
        assert "Content-Type" not in answer.headers


def test_without_an_etag_no_demand_for_one_holds() -> None:
    """Nobody can tell that it is that version; a star only asks for any."""
    assert plan(stat=Stat(100), If_Match=ETAG).status == 412
    assert plan(stat=Stat(100), If_Match="*").status == 200


@pytest.mark.parametrize(
    ("asked", "size", "found"),
    [
        ("bytes=0-0", 100, (0, 1)),
        ("bytes=0-", 100, (0, 100)),
        ("bytes=99-", 100, (99, 1)),
        ("bytes=10-19", 100, (10, 10)),
        ("bytes=90-1000", 100, (90, 10)),
        ("bytes=-10", 100, (90, 10)),
        ("bytes=-1000", 100, (0, 100)),
        ("BYTES=1-2", 100, (1, 2)),
        (" bytes=1-2 ", 100, (1, 2)),
        ("bytes=100-", 100, (100, 0)),
        ("bytes=9999999999999999999-", 100, (9999999999999999999, 0)),
        ("bytes=-0", 100, (100, 0)),
        ("bytes=5-4", 100, None),
        ("bytes=0-1,5-6", 100, None),
        ("bytes=-", 100, None),
        ("bytes=a-b", 100, None),
        ("bytes=\u0661-", 100, None),
        ("bytes 0-1", 100, None),
        ("lines=0-1", 100, None),
        ("", 100, None),
        ("bytes=" + "9" * 5000 + "-", 100, None),
    ],
)
def test_ranges(asked: str, size: int, found: tuple[int, int] | None) -> None:
    """RFC 9110 §14.1.2: one range is understood, the malformed is ignored."""
    assert byte_range(asked, size) == found


def test_a_range_is_answered() -> None:
    """206 with the bytes asked for and where they stand."""
    answer = plan(Range="bytes=10-19")
    assert (answer.status, answer.start, answer.length) == (206, 10, 10)
    assert answer.headers["Content-Range"] == "bytes 10-19/100"
    assert answer.headers["Content-Length"] == "10"
    assert answer.headers["Content-Type"] == "image/png"


def test_a_range_behind_the_end_is_refused() -> None:
    """416 with the size, so that the client can ask again."""
    answer = plan(Range="bytes=100-")
    assert (answer.status, answer.length) == (416, 0)
    assert answer.headers["Content-Range"] == "bytes */100"
    assert answer.headers["Content-Length"] == "0"


@pytest.mark.parametrize(
    ("if_range", "status"),
    [(ETAG, 206), ('"other"', 200), (f"W/{ETAG}", 200), ("Mon, 23 Nov 2026 12:00:00 GMT", 200)],
)
def test_a_range_of_another_version_is_the_whole_value(if_range: str, status: int) -> None:
    """If-Range needs our strong etag: a date cannot tell two versions of one second apart."""
    assert plan(Range="bytes=10-19", If_Range=if_range).status == status


def test_an_empty_value_has_no_ranges() -> None:
    """Nothing is sent whole rather than refused."""
    answer = plan(b"", Stat(0), Range="bytes=0-")
    assert (answer.status, answer.headers["Content-Length"]) == (200, "0")
