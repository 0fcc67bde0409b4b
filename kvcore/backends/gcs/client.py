"""Who makes the client: one that was passed in, or settings from which we make one.

google-cloud-storage is imported here alone, with the first call of a store. One client serves a
store, its views and all their threads; a forked child makes its own.
"""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from kvcore.backends.gcs.objects import Credentials, GoogleClient
from kvcore.backends.gcs.place import Place
from kvcore.errors import ConfigError, StoreError
from kvcore.forking import tell_after_fork
from kvcore.registry import load_library

if TYPE_CHECKING:
    from kvcore.backends.gcs.link import Link

EXTRA = "gcs"

DEADLINE_SECS = 30.0
CONNECT_SECS = 3.0
RETRIES = 4
POOL_SIZE = 32

_EMULATOR = "STORAGE_EMULATOR_HOST"  # Google's own libraries know it


class Settings(NamedTuple):
    """What a client is made of."""

    endpoint: str | None = None
    project: str | None = None
    credentials: str | None = None
    """The path of a file."""
    credentials_json: str | None = None
    anonymous: bool = False
    connect_timeout: float = CONNECT_SECS
    deadline: float = DEADLINE_SECS
    retries: int = RETRIES
    pool_size: int = POOL_SIZE

    def __repr__(self) -> str:
        return f"Settings({self.endpoint or 'google'!r}, ...)"  # no keys

    def check(self) -> None:
        """Raise `ConfigError` for what cannot be used together."""
        if self.credentials is not None and self.credentials_json is not None:
            raise ConfigError("give credentials (a file) or credentials_json, not both")
        if self.anonymous and (self.credentials or self.credentials_json):
            raise ConfigError("anonymous requests are signed with nothing: give no credentials")
        if self.credentials_json is not None:
            read_account(self.credentials_json)


def read_account(text: str) -> Mapping[str, Any]:
    """What a file of credentials says. Raises `ConfigError`, without a word of it."""
    try:
        account = json.loads(text)
    except ValueError:
        account = None
    if not isinstance(account, dict) or "type" not in account:
        raise ConfigError("credentials are the JSON that Google gives for a service account")
    return account


class Connector(ABC):
    """Where the client of a store comes from; shared by its views."""

    @abstractmethod
    def link(self) -> Link:
        """What the verbs ask by, made when it is first needed."""

    @property
    @abstractmethod
    def signs(self) -> bool:
        """Whether there may be credentials to sign URLs with."""

    @abstractmethod
    def credentials(self) -> Credentials | None:
        """What URLs are signed with: those of the client, or for it; ``None`` for nobody's."""

    @abstractmethod
    def endpoint(self) -> str | None:
        """Where the service is, if not at Google."""

    def close(self) -> None:
        """Close the client if it is ours; the next call makes another one."""


class Configured(Connector):
    """Makes a client from settings; nothing is imported or opened before it is used. Pickles.

    Over plain ``http://`` no token is sent: such an endpoint is an emulator. Credentials that were
    given with it sign URLs.
    """

    def __init__(self, settings: Settings, place: Place, *, create_in: str | None = None) -> None:
        settings.check()
        self._settings = settings
        self._place = place
        self._create_in = create_in
        self._start()
        tell_after_fork(self)

    def _start(self) -> None:
        self._lock = Lock()
        self._link: Link | None = None
        self._credentials: Credentials | None = None

    _after_fork = _start  # the parent goes on using its sockets: they are dropped, not closed

    def __reduce__(self) -> tuple[Any, ...]:
        return _configured, (self._settings, self._place, self._create_in)

    def link(self) -> Link:
        """What the verbs ask by, made when it is first needed."""
        link = self._link
        return self._made() if link is None else link

    def _made(self) -> Link:
        with self._lock:
            if self._link is None:
                self._link = self._make()
            return self._link

    def _make(self) -> Link:
        storage = load_library("google.cloud.storage", f"kvcore[{EXTRA}]")
        from google.auth.credentials import AnonymousCredentials
        from google.auth.exceptions import GoogleAuthError

        from kvcore.backends.gcs import transport
        from kvcore.backends.gcs.errors import told

        given, endpoint = self._settings, self.endpoint()
        credentials: Credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]
        if not given.anonymous and not self._is_emulated():
            credentials = self._signer()
        session = transport.make_session(credentials, given.pool_size)
        try:
            client = storage.Client(
                project=given.project or getattr(credentials, "project_id", None),
                credentials=credentials,
                _http=session,
                client_options={"api_endpoint": endpoint} if endpoint else None,
            )
        except GoogleAuthError as error:  # it asks the machine where it is
            raise told(error, None, None) from error
        except ValueError as error:
            raise ConfigError(f"no client can be made of these credentials: {error}") from error
        # Since 3.17 it asks for the bucket, too, in threads of its own: once, and again with every
        # object that is missing. It is for traces that nobody takes here.
        client._bucket_metadata_cache = None
        try:
            link = linked(client, self._place, given)
            if self._create_in is not None:
                _create_bucket(link, self._create_in or None, self)
        except BaseException:
            client.close()
            raise
        return link

    def credentials(self) -> Credentials | None:
        """What URLs are signed with."""
        if not self.signs:
            return None
        load_library("google.cloud.storage", f"kvcore[{EXTRA}]")
        with self._lock:
            return self._signer()

    @property
    def signs(self) -> bool:
        """Whether credentials were given, or the machine may have some."""
        given = self._settings
        has_own = given.credentials is not None or given.credentials_json is not None
        return has_own or not (given.anonymous or self._is_emulated())

    def _signer(self) -> Credentials:
        """The credentials that were given, or those of the machine. Call it with the lock held."""
        if self._credentials is None:
            self._credentials = _credentials(self._settings)
        return self._credentials

    def _is_emulated(self) -> bool:
        return (self.endpoint() or "").startswith("http://")

    def endpoint(self) -> str | None:
        """Where the service is, if not at Google."""
        found = self._settings.endpoint or os.environ.get(_EMULATOR)
        return f"http://{found}" if found and "://" not in found else found

    def close(self) -> None:
        """Close the client; the next call makes another one."""
        with self._lock:
            link, self._link = self._link, None
        if link is not None:
            link.client.close()

    def __repr__(self) -> str:
        return repr(self._settings)


def _configured(settings: Settings, place: Place, create_in: str | None) -> Configured:
    return Configured(settings, place, create_in=create_in)


class Given(Connector):
    """Uses a client that was passed in, with our time-outs."""

    def __init__(self, client: GoogleClient, settings: Settings, place: Place) -> None:
        if not hasattr(client, "bucket") or not hasattr(client, "_http"):
            raise TypeError(
                f"GoogleCloudStore takes a google.cloud.storage.Client, not {type(client).__name__}"
            )
        self._client = client
        self._link = linked(client, place, settings)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a GoogleCloudStore around a client does not pickle; one from a URL does")

    def link(self) -> Link:
        """What the verbs ask by."""
        return self._link

    @property
    def signs(self) -> bool:
        """Whether the client has credentials."""
        from google.auth.credentials import AnonymousCredentials

        return not isinstance(self._client._credentials, AnonymousCredentials)

    def credentials(self) -> Credentials | None:
        """What URLs are signed with."""
        return self._client._credentials

    def endpoint(self) -> str | None:
        """Where the service is, if not at Google."""
        found: str = self._client.api_endpoint
        return None if found == "https://storage.googleapis.com" else found


def linked(client: GoogleClient, place: Place, settings: Settings) -> Link:
    """A link by this client."""
    from kvcore.backends.gcs.link import Link
    from kvcore.backends.gcs.retrying import Pace

    pace = Pace(
        deadline_secs=settings.deadline,
        connect_secs=settings.connect_timeout,
        retries=settings.retries,
    )
    return Link(client, place, pace)


def _credentials(given: Settings) -> Credentials:
    """The credentials that were given, or those of the machine."""
    from google.cloud.storage import Client  # type: ignore[import-untyped]

    scopes = Client.SCOPE
    if given.credentials is None and given.credentials_json is None:
        import google.auth
        from google.auth.exceptions import GoogleAuthError

        from kvcore.backends.gcs.errors import told

        try:
            return google.auth.default(scopes=scopes)[0]
        except GoogleAuthError as error:
            raise told(error, None, None) from error
        except OSError as error:
            raise _unread(error) from error
    account = read_account(given.credentials_json or _text(given.credentials or ""))
    kind = account["type"]
    try:
        if kind == "service_account":
            from google.oauth2.service_account import Credentials as Service

            return Service.from_service_account_info(account, scopes=scopes)  # type: ignore[no-untyped-call]
        if kind == "authorized_user":
            from google.oauth2.credentials import Credentials as User

            return User.from_authorized_user_info(account, scopes=scopes)  # type: ignore[no-untyped-call]
    except (ValueError, KeyError, TypeError) as error:
        # What they say may show a part of the key.
        raise ConfigError(f"the credentials are not usable ({type(error).__name__})") from None
    raise ConfigError(
        f"credentials of type {str(kind)[:40]!r} are taken only from the environment:"
        " set GOOGLE_APPLICATION_CREDENTIALS, and no credentials here"
    )


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(1024 * 1024)
    except (OSError, UnicodeDecodeError) as error:
        raise _unread(error) from error


def _unread(error: Exception) -> StoreError:
    return StoreError(f"the credentials cannot be read: {error}")


def _create_bucket(link: Link, location: str | None, store: object) -> None:
    """Make the bucket unless it is there."""
    from kvcore.backends.gcs.errors import told
    from kvcore.backends.gcs.outcomes import Refused

    name = link.bucket.name
    try:
        link.ask(None, None, lambda timeout: link.bucket.reload(timeout=timeout, retry=None))
    except Refused:
        pass
    except StoreError as error:
        if "no such bucket" not in error.message:
            raise
    else:
        return
    try:
        link.ask(
            None,
            None,
            lambda timeout: link.client.create_bucket(
                name, location=location, timeout=timeout, retry=None
            ),
        )
    except Refused as refusal:
        raise told(refusal.error, None, None) from refusal
    except StoreError as error:
        if "409" not in str(error.__cause__):  # another process was first
            raise
