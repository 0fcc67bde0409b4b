"""Who makes the client: one that was passed in, or settings from which we make one.

boto3 is imported here alone, with the first call of a store. One client serves a store, its views
and all their threads; a forked child makes its own.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from threading import Lock
from typing import Any, NamedTuple, NoReturn

from kvcore.backends.s3 import deleting, listing
from kvcore.backends.s3.models import share_models
from kvcore.backends.s3.objects import Boto, Credentials, Session
from kvcore.backends.s3.providers import AWS, PROVIDERS, UNKNOWN, Provider
from kvcore.backends.s3.retrying import Retries
from kvcore.errors import ConfigError
from kvcore.forking import tell_after_fork
from kvcore.registry import load_library

EXTRA = "s3"

DEADLINE_SECS = 30.0
CONNECT_SECS = 3.0
RETRIES = 4
POOL_SIZE = 32


class Settings(NamedTuple):
    """What a client is made of."""

    endpoint: str | None = None
    region: str | None = None
    provider: str | None = None
    profile: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    session_token: str | None = None
    anonymous: bool = False
    role: str | None = None
    role_session_name: str | None = None
    external_id: str | None = None
    addressing: str | None = None
    checksums: str | None = None
    ca_file: str | None = None
    retries: int = RETRIES
    connect_timeout: float | None = None
    read_timeout: float | None = None
    deadline: float = DEADLINE_SECS
    pool_size: int = POOL_SIZE

    def __repr__(self) -> str:
        return f"Settings({self.endpoint or self.provider or 'aws'!r}, ...)"  # no keys

    @property
    def service(self) -> Provider:
        """What is known of the service behind these settings."""
        if self.provider is not None:
            return PROVIDERS[self.provider]
        return AWS if self.endpoint is None else UNKNOWN

    def address(self) -> str | None:
        """The endpoint, where it is not that of Amazon."""
        service = self.service
        if self.endpoint is not None or service.endpoint is None:
            return self.endpoint
        return service.endpoint.format(region=self.region)

    def check(self) -> None:
        """Raise `ConfigError` for what cannot be used together."""
        if (self.access_key is None) != (self.secret_key is None):
            raise ConfigError("give both access_key and secret_key, or neither")
        if self.session_token is not None and self.access_key is None:
            raise ConfigError("a session_token belongs to an access_key and a secret_key")
        if self.access_key is not None and (self.anonymous or self.profile is not None):
            raise ConfigError("give keys, a profile, or anonymous=true: one of them")
        self.check_public()

    def check_public(self) -> None:
        """`check` without the secrets."""
        if self.anonymous and (self.profile is not None or self.role is not None):
            raise ConfigError("anonymous requests are signed with nothing: give no profile or role")
        if self.role is None and (self.external_id or self.role_session_name):
            raise ConfigError("external_id and role_session_name belong to a role")
        if self.provider is not None:
            service = self.service
            if service.endpoint is not None and self.endpoint is None and self.region is None:
                raise ConfigError(f"provider={self.provider} needs a region, or an endpoint")
            if service is not AWS and self.address() is None:
                raise ConfigError(f"provider={self.provider} needs an endpoint")
        if self.read_timeout is not None and self.read_timeout > self.deadline:
            raise ConfigError("read_timeout is at most as long as the deadline")


class Connection(ABC):
    """Where the client of a store comes from; shared by its views."""

    service: Provider
    owned: bool
    """Whether the client is ours: then it is closed, and listens to us."""

    @abstractmethod
    def client(self) -> Boto:
        """The client, made when it is first needed."""

    signs: bool
    """Whether requests are signed; else they are those of everybody."""

    @abstractmethod
    def credentials(self) -> Credentials | None:
        """What the client signs with, renewed as it is; ``None`` if there are no keys."""

    @abstractmethod
    def address(self) -> tuple[str | None, str | None]:
        """Endpoint and region as they were configured, without opening anything."""

    def since(self, since: float) -> AbstractContextManager[object]:
        """A block whose request has its deadline counted from then (``time.monotonic``)."""
        return nullcontext()  # a client that was passed in has its own

    def close(self) -> None:
        """Close the client if it is ours; the next call makes another one."""


class Configured(Connection):
    """Makes a client from settings; nothing is imported or opened before it is used. Pickles."""

    owned = True

    def __init__(self, settings: Settings, bucket: str, *, create: bool = False) -> None:
        settings.check()
        self.settings = settings
        self.service: Provider = settings.service
        self.signs: bool = not settings.anonymous
        self._bucket = bucket
        self._create = create
        self._start()
        tell_after_fork(self)

    def _start(self) -> None:
        self._lock = Lock()
        self._client: Boto | None = None
        self._session: Session | None = None
        given = self.settings
        self._retries = Retries(
            given.retries,
            given.deadline,
            _read_secs(given),
            conflicts=self.service.conflicts,
        )

    _after_fork = _start  # the parent goes on using its sockets: they are dropped, not closed

    def __reduce__(self) -> tuple[Any, ...]:
        return _configured, (self.settings, self._bucket, self._create)

    def client(self) -> Boto:
        """The client, made when it is first needed."""
        client = self._client
        return self._made() if client is None else client

    def _made(self) -> Boto:
        with self._lock:
            if self._client is None:
                client = self._make()
                try:
                    if self._create:
                        _create_bucket(client, self._bucket)
                except BaseException:
                    client.close()
                    raise
                self._client = client
            return self._client

    def credentials(self) -> Credentials | None:
        """What the client signs with, renewed as it is."""
        self.client()
        session = self._session
        return None if session is None else session.get_credentials()

    def address(self) -> tuple[str | None, str | None]:
        """Endpoint and region as they were configured."""
        return self.settings.address(), self.settings.region or self.service.region

    def since(self, since: float) -> AbstractContextManager[object]:
        """A block whose request has its deadline counted from then."""
        return self._retries.since(since)

    def close(self) -> None:
        """Close the client; the next call makes another one."""
        with self._lock:
            client, self._client, self._session = self._client, None, None
        if client is not None:
            client.close()

    def _make(self) -> Boto:
        given = self.settings
        boto3 = load_library("boto3", f"kvcore[{EXTRA}]")
        endpoint, region = self.address()
        session = _make_session(boto3, given, region)
        client = session.client(
            "s3", endpoint_url=endpoint, verify=given.ca_file, config=_config(given)
        )
        events = client.meta.events
        listing.listen(events)
        self._retries.listen(events)
        events.register("before-call.s3", _ask_no_leave_for_nothing)
        deleting.listen(events, md5=given.checksums is None and not given.service.checksums)
        self._session = session
        return client


def _ask_no_leave_for_nothing(params: dict[str, Any], **_: object) -> None:
    """No ``Expect: 100-continue`` before an empty body: some servers answer at once.

    Then botocore 1.41 to 1.43 takes the next answer on that connection for two.
    """
    from botocore.utils import determine_content_length

    if "Expect" in params["headers"] and determine_content_length(params["body"]) == 0:
        del params["headers"]["Expect"]


def _configured(settings: Settings, bucket: str, create: bool) -> Configured:
    return Configured(settings, bucket, create=create)


class Given(Connection):
    """Uses a client that was passed in."""

    owned = False

    def __init__(self, client: Boto, service: Provider | None) -> None:
        model = getattr(getattr(client, "meta", None), "service_model", None)
        if getattr(model, "service_name", None) != "s3":
            raise TypeError(
                f"S3Store takes a client of boto3 for S3, boto3.client('s3'), not"
                f" {type(client).__name__}"
            )
        meta = client.meta
        self._client = client
        amazon = (
            (meta.endpoint_url or "").rstrip("/").endswith((".amazonaws.com", ".amazonaws.com.cn"))
        )
        self.service: Provider = service or (AWS if amazon else UNKNOWN)
        self.signs: bool = isinstance(meta.config.signature_version, str)  # or botocore's UNSIGNED
        config = meta.config
        if config.read_timeout is None or config.connect_timeout is None:
            warnings.warn(
                "this client has no time-outs: where the service hangs, a call waits for ever; make"
                " it with Config(connect_timeout=, read_timeout=)",
                RuntimeWarning,
                stacklevel=4,
            )

    def __reduce__(self) -> NoReturn:
        raise TypeError("an S3Store around a client does not pickle; one from settings does")

    def client(self) -> Boto:
        """The client."""
        return self._client

    def credentials(self) -> Credentials | None:
        """What the client signs with: boto3 asks for it in the same way, for its own transfers."""
        credentials: Credentials | None = self._client._get_credentials()
        return credentials

    def address(self) -> tuple[str | None, str | None]:
        """Endpoint and region of the client."""
        meta = self._client.meta
        return (None if self.service is AWS else meta.endpoint_url), meta.region_name


def _read_secs(given: Settings) -> float:
    return given.deadline / 2 if given.read_timeout is None else given.read_timeout


def _connect_secs(given: Settings) -> float:
    secs = CONNECT_SECS if given.connect_timeout is None else given.connect_timeout
    return min(secs, given.deadline)


def _config(given: Settings) -> object:
    from botocore import UNSIGNED
    from botocore.config import Config

    service = given.service
    checksums = given.checksums
    if checksums is None:
        checksums = "when_supported" if service.checksums else "when_required"
    elif checksums != "when_required":
        checksums = "when_supported"  # or an algorithm, which is a parameter of what puts
    settings: dict[str, Any] = {
        "request_checksum_calculation": checksums,
        "response_checksum_validation": checksums,
        "s3": {"addressing_style": given.addressing or service.addressing},
    }
    return Config(
        signature_version=UNSIGNED if given.anonymous else "s3v4",
        connect_timeout=_connect_secs(given),
        read_timeout=_read_secs(given),
        # Retries are our business: they end with the deadline. See `retrying`.
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=given.pool_size,
        tcp_keepalive=True,
        **settings,
    )


def _make_core(given: Settings) -> Session:
    """A session of botocore in which whoever fetches keys (STS, SSO) has our time-outs, too."""
    from botocore.config import Config
    from botocore.session import Session as Core

    core = Core(profile=given.profile)
    core.set_default_client_config(
        Config(
            connect_timeout=_connect_secs(given),
            read_timeout=_read_secs(given),
            retries={"total_max_attempts": 2, "mode": "standard"},
        )
    )
    return core


def _make_session(boto3: Boto, given: Settings, region: str | None) -> Session:
    session = _shared(
        boto3,
        _make_core(given),
        profile_name=given.profile,
        aws_access_key_id=given.access_key,
        aws_secret_access_key=given.secret_key,
        aws_session_token=given.session_token,
        region_name=region,
    )
    if given.role is None:
        return session
    source = session.get_credentials()
    if source is None:
        raise ConfigError("a role is assumed with keys, and there are none: give some or a profile")
    core = _make_core(given)
    role = _Role(core, source, given, region)
    core.get_component("credential_provider").providers.insert(0, role)
    return _shared(boto3, core, region_name=region)


def _shared(boto3: Boto, core: Session, **options: str | None) -> Session:
    session = boto3.session.Session(botocore_session=core, **options)
    share_models(core)
    return session


class _Role:
    """Gives a session the keys of a role, renewed before they expire."""

    METHOD = "assume-role"
    CANONICAL_NAME = None

    def __init__(
        self, core: Session, source: Credentials, given: Settings, region: str | None
    ) -> None:
        self._core, self._source, self._given, self._region = core, source, given, region

    def load(self) -> Credentials:
        """The credentials; they are fetched when they are first needed."""
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

        given = self._given
        wanted = {"RoleSessionName": given.role_session_name, "ExternalId": given.external_id}
        fetcher = AssumeRoleCredentialFetcher(
            partial(self._core.create_client, region_name=self._region or "us-east-1"),
            self._source,
            given.role or "",
            extra_args={name: value for name, value in wanted.items() if value is not None},
        )
        return DeferredRefreshableCredentials(
            refresh_using=fetcher.fetch_credentials, method=self.METHOD
        )


def _create_bucket(client: Boto, bucket: str) -> None:
    """Create the bucket unless it is there."""
    from botocore.exceptions import ClientError

    try:
        client.head_bucket(Bucket=bucket)
        return
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
    region = client.meta.region_name
    place: dict[str, Any] = {}
    if region not in {None, "us-east-1", "auto", "aws-global"}:
        place = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        client.create_bucket(Bucket=bucket, **place)
    except ClientError as error:
        if error.response["Error"].get("Code") != "BucketAlreadyOwnedByYou":  # by another process
            raise
