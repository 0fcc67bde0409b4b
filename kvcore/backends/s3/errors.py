"""What went wrong between us and the service, in our words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from kvcore.backends.s3.objects import Answer
from kvcore.errors import (
    KeyExists,
    KeyNotFound,
    KvcoreError,
    PreconditionFailed,
    StoreError,
    StoreTimeout,
)

# What a service reports, and what is to be done about it.
_HINTS: Mapping[str, str] = {
    "AccessDenied": "these keys may not do that: see the policies of user and bucket; without"
    " s3:ListBucket also what is missing is denied",
    "AllAccessDisabled": "this bucket is closed: see the account",
    "AuthorizationHeaderMalformed": "the bucket is in another region: set region",
    "BadDigest": "the service received other bytes than were sent: try again",
    "BucketAlreadyExists": "somebody else has a bucket of this name: choose another",
    "BucketRegionError": "the bucket is in another region: set region",
    "ConditionalRequestConflict": "another write to this key was under way, and nothing was stored:"
    " try again",
    "EntityTooLarge": "the value is larger than the service takes in one request",
    "ExpiredToken": "the session token has expired: renew the keys",
    "ExpiredTokenException": "the session token has expired: renew the keys",
    "IllegalLocationConstraintException": "the bucket is in another region: set region",
    "InvalidAccessKeyId": "the service does not know this access key",
    "InvalidObjectState": "the value is archived: restore it first",
    "InvalidToken": "the service does not take this session token",
    "NoSuchBucket": "there is no such bucket: create it, or set create_if_missing",
    "NoSuchUpload": "the upload is gone: somebody aborted or completed it; whether the value was"
    " stored is not known",
    "NotImplemented": "the service cannot do that: an option asks for what it does not have",
    "OperationAborted": "another write to this key was under way, and nothing was stored:"
    " try again",
    "PermanentRedirect": "the bucket is in another region or at another endpoint: set region",
    "QuotaExceeded": "the quota is used up",
    "RequestTimeTooSkewed": "the clock of this machine is wrong",
    "ServiceUnavailable": "the service is busy: try again later",
    "SignatureDoesNotMatch": "the service does not take the signature: see secret_key and region",
    "SlowDown": "the service is busy: try again later",
    "TokenRefreshRequired": "the session token has expired: renew the keys",
    "XAmzContentSHA256Mismatch": "the service received other bytes than were sent: try again",
}
_BY_STATUS: Mapping[int, str] = {
    301: _HINTS["PermanentRedirect"],
    400: "the service refused the request",
    401: "the service asks for keys",
    403: _HINTS["AccessDenied"],
    405: "the service cannot do that",
    409: _HINTS["OperationAborted"],
    429: _HINTS["SlowDown"],
    501: _HINTS["NotImplemented"],
    503: _HINTS["SlowDown"],
}
_NO_KEY = frozenset({"NoSuchKey", "NoSuchVersion"})


@cache
def failures() -> tuple[type[Exception], ...]:
    """Everything that boto3 raises, whatever it stands on.

    For ``except`` clauses, which ask for it only once something was raised.
    """
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    return BotoCoreError, ClientError, Boto3Error, ResponseParserError, HTTPError, OSError


def code_of(error: BaseException) -> str:
    """The code that the service gave, such as ``NoSuchKey``; empty if it gave none."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def status_of(error: BaseException | None) -> int:
    """The status of the answer; 0 if there was none."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return 0
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_missing(error: BaseException) -> bool:
    """Whether there is nothing under the key. To a HEAD this is also said of a missing bucket."""
    code = code_of(error)
    return code in _NO_KEY or (code in {"404", "NotFound", ""} and status_of(error) == 404)


def is_refused(error: BaseException) -> bool:
    """Whether a condition did not hold."""
    return status_of(error) == 412 or code_of(error) == "PreconditionFailed"


def told(
    error: BaseException, key: str | None, store: object, *, creating: bool = False
) -> KvcoreError:
    """Our error for one of boto3's; raise it ``from`` that. One of ours is given back as it is."""
    if isinstance(error, KvcoreError):
        return error
    if is_missing(error) and key is not None:
        return KeyNotFound(key=key, store=store)
    if is_refused(error):
        return _refusal(error, key, store, creating=creating)
    message, late = _reason(error)
    kind = StoreTimeout if late else StoreError
    return kind(message, key=key, store=store)


def _refusal(
    error: BaseException, key: str | None, store: object, *, creating: bool
) -> KvcoreError:
    response: object = getattr(error, "response", None)
    repeated = isinstance(response, dict) and response["ResponseMetadata"].get("RetryAttempts")
    if repeated and not getattr(store, "_repeats_safely", False):
        # By a client with retries of its own: the first try may have won, its answer lost.
        return StoreError(
            "the request was sent again and then refused: whether this write or another one was"
            " first is not known",
            key=key,
            store=store,
        )
    return (KeyExists if creating else PreconditionFailed)(key=key, store=store)


def said(answer: Answer, name: str, key: str | None, store: object) -> Any:  # noqa: ANN401  # of boto3
    """What an answer has to say if the service did what it was asked.

    botocore takes a success without a word, or a proxy's page, for an answer; nobody knows then
    what was done, so it is a `StoreError`.
    """
    found = answer.get(name)
    if found is None:
        raise StoreError(
            f"the answer tells no {name}, so nobody knows what was done: is this an S3 service?",
            key=key,
            store=store,
        )
    return found


def _reason(error: BaseException) -> tuple[str, bool]:
    """What to tell, and whether it is a time-out."""
    names = {kind.__name__ for kind in type(error).__mro__}
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        code, status = code_of(error), status_of(error)
        said = str(response.get("Error", {}).get("Message") or "")
        return message_of(code, status, said), code == "RequestTimeout"
    if names & {"ReadTimeoutError", "ConnectTimeoutError", "TimeoutError", "NewConnectionTimeout"}:
        if "ConnectTimeoutError" in names:
            return "no connection to the service could be made in time", True
        return "", True
    for name, message in _CLASSES.items():
        if name in names:
            return f"{message}: {error}", False
    return f"the service could not be asked: {error}", False


def message_of(code: str, status: int, said: str) -> str:
    """What to tell of an error that the service reports.

    >>> message_of("SlowDown", 503, "Please reduce your request rate.")
    'the service is busy: try again later (SlowDown: Please reduce your request rate.)'
    """
    hint = _HINTS.get(code) or _BY_STATUS.get(status, "the service failed")
    return f"{hint} ({code or status}{f': {said}' if said else ''})"


_CLASSES = {
    "NoCredentialsError": "there are no keys to sign with: give access_key and secret_key, a"
    " profile, or anonymous=true",
    "PartialCredentialsError": "the keys are incomplete",
    "CredentialRetrievalError": "the keys could not be fetched",
    "TokenRetrievalError": "the keys could not be fetched",
    "ProfileNotFound": "there is no such profile",
    "NoRegionError": "a region is missing: set region",
    "EndpointConnectionError": "the service cannot be reached",
    "ProxyConnectionError": "the proxy cannot be reached",
    "SSLError": "the service does not show a certificate that is trusted here: see ca_file",
    "FlexibleChecksumError": "what came is not what was stored: its checksum differs",
    "MissingDependencyException": "a library is missing",
    "ParamValidationError": "boto3 does not take this",
    "ResponseParserError": "the answer makes no sense: is this an S3 service",
    "IncompleteReadError": "the answer broke off",
    "ResponseStreamingError": "the answer broke off",
    "ConnectionClosedError": "the connection was lost; a write may have taken effect",
}
