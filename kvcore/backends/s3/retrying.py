"""How long we wait, and what is sent again: one deadline for a request, its retries inside.

botocore's own retries know no deadline, and send a conditional write again whose answer was lost:
the one that won would be told that somebody else was first.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import local

from kvcore.backends.s3.objects import Answer, Boto, Operation, Request

_LEAST_SECS = 0.05  # what is left must be enough for an answer
_FIRST_DELAY_SECS = 0.1
_MOST_DELAY_SECS = 5.0
_ENDS = "kvcore_ends"  # in the context of a request, which botocore leaves to its hooks
_CONDITIONS = ("If-Match", "If-None-Match")

# The service has not done what it was asked for. Other answers of 500 and more, and lost ones, do
# not tell.
_UNDONE_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "TooManyRequestsException",
    }
)
_UNDONE_STATUS = frozenset({408, 429, 503})
_UNCLEAR_STATUS = frozenset({500, 502, 504})
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html: another write was
# under way; a single request may be sent again, an upload in parts must begin anew.
_CONFLICTS = frozenset({"ConditionalRequestConflict", "OperationAborted"})


class Retries:
    """Times the requests of one client, and decides which are sent again."""

    def __init__(
        self,
        retries: int,
        deadline_secs: float,
        read_secs: float,
        *,
        conflicts: frozenset[str] = frozenset(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._retries = retries
        self._conflicts = _CONFLICTS | conflicts
        self._deadline_secs = deadline_secs
        self._read_secs = read_secs
        self._clock = clock
        self._began = local()

    @contextmanager
    def since(self, since: float) -> Iterator[None]:
        """A block whose request has its deadline counted from then, in this thread."""
        self._began.since = since
        try:
            yield
        finally:
            del self._began.since

    def listen(self, events: Boto) -> None:
        """Hook into the events of a client (``client.meta.events``)."""
        events.register("before-call.s3", self.begin)
        events.register("request-created.s3", self.shorten)
        events.register("needs-retry.s3", self.needs_retry)
        events.register_first("needs-retry.s3.HeadBucket", _ask_once)

    def begin(self, params: Answer, **_: object) -> None:
        """Start the clock of a call."""
        since: float = getattr(self._began, "since", None) or self._clock()
        params["context"][_ENDS] = since + self._deadline_secs

    def shorten(self, request: Request, **_: object) -> None:
        """Have this try wait for an answer no longer than there is time."""
        context = request.context
        ends = context.get(_ENDS)
        if ends is not None:
            left = max(ends - self._clock(), _LEAST_SECS)
            if left < self._read_secs and not hasattr(request.data, "moved"):
                context["read_timeout"] = left

    def needs_retry(
        self,
        attempts: int,
        operation: Operation,
        request_dict: Answer,
        response: Answer = None,
        caught_exception: Exception | None = None,
        **_: object,
    ) -> float | None:
        """Seconds to wait before the request is sent again, or ``None``."""
        if attempts > self._retries or not self._may_repeat(
            operation, request_dict, response, caught_exception
        ):
            return None
        ends = request_dict["context"].get(_ENDS, 0.0)
        moved = getattr(request_dict["body"], "moved", None)
        if moved is not None:  # a large body took its time to go out
            ends = max(ends, moved + self._deadline_secs)
        most = min(_FIRST_DELAY_SECS * 2**attempts, _MOST_DELAY_SECS)
        delay = random.uniform(most / 2, most)  # noqa: S311  # only to spread the load
        least = _LEAST_SECS if _can_shorten() else self._read_secs
        return delay if self._clock() + delay + least < ends else None

    def _may_repeat(
        self, operation: Operation, request: Answer, response: Answer, error: Exception | None
    ) -> bool:
        if getattr(request["body"], "error", None) is not None:  # the source is broken, not the net
            return False
        conditional = request["method"] != "GET" and any(
            name in request["headers"] for name in _CONDITIONS
        )
        if error is not None:
            return bool(_was_not_sent(error) or (_is_of_the_net(error) and not conditional))
        if response is None:
            return False
        status: int = response[0].status_code
        code = response[1].get("Error", {}).get("Code")
        if status in _UNDONE_STATUS or code in _UNDONE_CODES:
            return True
        if code in self._conflicts:
            return bool(operation.name != "CompleteMultipartUpload")
        return bool(status in _UNCLEAR_STATUS and not conditional)


def _ask_once(request_dict: Answer, response: Answer = None, **_: object) -> None:
    """Keep botocore from asking by a HEAD of the bucket where it is, if that was the question.

    It asks so after every redirection that names no region, be it of a proxy: for ever.
    """
    if response is not None:
        told = response[1]
        named = "x-amz-bucket-region" in told.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        if not named and not told.get("Error", {}).get("Region"):
            request_dict["context"].setdefault("s3_redirect", {})["redirected"] = True


@cache
def _can_shorten() -> bool:
    """Whether this botocore lets a request have a time-out of its own."""
    from inspect import signature

    from botocore.awsrequest import AWSPreparedRequest

    return "context" in signature(AWSPreparedRequest).parameters


def _was_not_sent(error: Exception) -> bool:
    from botocore.exceptions import (
        ConnectTimeoutError,
        EndpointConnectionError,
        ProxyConnectionError,
    )

    return isinstance(error, ConnectTimeoutError | EndpointConnectionError | ProxyConnectionError)


def _is_of_the_net(error: Exception) -> bool:
    from botocore.exceptions import HTTPClientError, SSLError

    return isinstance(error, HTTPClientError) and not isinstance(error, SSLError)
