"""What went wrong between us and the service, in our words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from types import UnionType

from google.api_core.exceptions import GoogleAPICallError, RetryError, from_http_response
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, InvalidOperation
from google.auth.exceptions import TransportError as AuthTransportError
from google.cloud.storage.exceptions import (  # type: ignore[import-untyped]
    DataCorruption,
    InvalidResponse,
)
from requests.exceptions import (
    ConnectTimeout,
    JSONDecodeError,
    RequestException,
    SSLError,
    TooManyRedirects,
)
from requests.exceptions import Timeout as RequestTimeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as Urllib3Timeout

from kvcore.backends.gcs.objects import Response
from kvcore.errors import StoreError, StoreTimeout


class Unreadable(Exception):
    """The service answered with what no client understands."""


ALL: tuple[type[Exception], ...] = (
    GoogleAPICallError,
    GoogleAuthError,
    RetryError,
    InvalidResponse,  # DataCorruption is none
    DataCorruption,
    RequestException,
    HTTPError,
    OSError,
    Unreadable,
)
"""What a client raises."""

UNREADABLE: tuple[type[Exception], ...] = (ValueError, KeyError, TypeError, AttributeError)
"""What a client raises over an answer that is no JSON, or other than it should be."""

# https://cloud.google.com/storage/docs/json_api/v1/status-codes
_HINTS: Mapping[int, str] = {
    400: "the service does not understand the request",
    401: "the service does not know these credentials: they are wrong, or have expired",
    403: "the service does not allow it: see the roles of this account in the bucket",
    404: "there is no such bucket: create it, or set create_if_missing",
    405: "the service does not allow it: see the retention policy of the bucket",
    407: "the proxy asks for a password",
    408: "the service waited too long for the request",
    409: "another request is changing the same: try again",
    413: "the service takes no values of this size",
    429: "the service has too many requests: try again later, and slower",
}
_UNDONE = frozenset({429})
_UNCLEAR = frozenset({408, 500, 502, 503, 504})
_SHOWN_CHARS = 300
REFUSED_CONDITIONS = frozenset({304, 412})


class Outcome(Enum):
    """What is known of a request that failed."""

    FINAL = 1
    """It will fail again."""
    UNDONE = 2
    """Nothing was done; it may go well next time."""
    UNCLEAR = 3
    """It may have been done: the answer was lost."""


def answered(response: Response) -> GoogleAPICallError:
    """The client's error for an answer, to be raised."""
    error: GoogleAPICallError = from_http_response(response)  # type: ignore[no-untyped-call]
    return error


def status_of(error: Exception) -> int | None:
    """The HTTP status of the answer, if there was one."""
    if isinstance(error, GoogleAPICallError):
        return None if error.code is None else int(error.code)
    if isinstance(error, InvalidResponse):
        return int(error.response.status_code)
    return None


def outcome(error: Exception) -> Outcome:
    """What is known of a request that failed so."""
    status = status_of(error)
    if status is not None:
        if status in _UNDONE:
            return Outcome.UNDONE
        return Outcome.UNCLEAR if status in _UNCLEAR else Outcome.FINAL
    if isinstance(error, GoogleAuthError):  # nothing is sent without a token
        may_pass = isinstance(error, AuthTransportError) or error.retryable
        return Outcome.UNDONE if may_pass else Outcome.FINAL
    if isinstance(error, SSLError | DataCorruption) or _is_unreadable(error):
        return Outcome.FINAL
    if isinstance(error, ConnectTimeout) or _has(error, NewConnectionError | ConnectTimeoutError):
        return Outcome.UNDONE
    return Outcome.UNCLEAR


def causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and all that it was made of, however the libraries wrap them."""
    seen: set[int] = set()
    rest: list[object] = [error]
    while rest:
        found = rest.pop()
        if isinstance(found, BaseException) and id(found) not in seen:
            seen.add(id(found))
            yield found
            rest += [found.__cause__, found.__context__, getattr(found, "reason", None)]
            rest += found.args


def is_bucket_missing(error: Exception) -> bool:
    """Whether a 404 is of the bucket and not of the object."""
    return "bucket does not exist" in str(error)


def told(error: Exception, key: str | None, store: object, *, reads: bool = False) -> StoreError:
    """Our error for one of the client's; raise it ``from`` that."""
    status = status_of(error)
    reason = _reason(error)
    if isinstance(error, InvalidOperation):  # anonymous ones, which cannot be renewed
        message = _HINTS[401]
    elif isinstance(error, DefaultCredentialsError):
        message = (
            "no credentials were found: set credentials, or GOOGLE_APPLICATION_CREDENTIALS,"
            " or anonymous=true for a public bucket"
        )
    elif isinstance(error, GoogleAuthError) and not isinstance(error, AuthTransportError):
        message = "the credentials were refused: they are wrong, or have expired"
    elif isinstance(error, DataCorruption):
        message = "the bytes that arrived were not those that were sent: try again"
    elif _is_unreadable(error) or status in range(200, 300):
        message = "the service answered with what is not understood"
    elif status is not None:
        message = _HINTS.get(status, f"the service failed ({status}): try again later")
    elif isinstance(error, SSLError):
        message = "the service has no valid certificate"
    elif _has(error, NewConnectionError):
        message = "the service could not be reached"
    elif _has(error, RetryError | RequestTimeout | Urllib3Timeout | TimeoutError):
        late = "the service did not answer in time" if reads else ""
        return StoreTimeout(late, key=key, store=store)
    elif outcome(error) is Outcome.UNDONE:
        message = "the service could not be reached"
    else:
        message = "the connection broke"
        if not reads:
            message += "; a write may have taken effect"
    return StoreError(f"{message}: {reason}" if reason else message, key=key, store=store)


def _has(error: Exception, kinds: UnionType | type) -> bool:
    return any(isinstance(cause, kinds) for cause in causes(error))


def _is_unreadable(error: Exception) -> bool:
    return isinstance(error, Unreadable | JSONDecodeError | TooManyRedirects)


def _reason(error: Exception) -> str:
    """What the service says, without the URL of the request: that of an upload is a secret."""
    if isinstance(error, GoogleAPICallError):
        for entry in error.errors or ():
            if isinstance(entry, Mapping) and isinstance(entry.get("message"), str):
                return _shortened(entry["message"])
        message = str(error.message or "")
        return _shortened(message.partition(": ")[2] if "://" in message else message)
    if isinstance(error, RequestException) or not isinstance(error, OSError | Unreadable):
        return ""  # URLs and wrappings; it is there as the cause
    return _shortened(str(error))


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
