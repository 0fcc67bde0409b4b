"""Who signs URLs: the private key of a service account, or the IAM service in its name.

Where there is no key (Compute Engine, Cloud Run, workload identity), each signature is one request:
https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/signBlob
"""

from __future__ import annotations

from collections.abc import Callable

from google.auth.credentials import Scoped, Signing
from google.auth.exceptions import TransportError
from google.auth.iam import Signer
from requests import Session

from kvcore.backends.gcs import transport
from kvcore.backends.gcs.objects import Credentials

_CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"


class NoSignature(Exception):
    """Nobody signs; the text says why, and what to do."""


def signer_of(credentials: Credentials | None, sign_as: str | None = None) -> Signing:
    """What signs: the credentials themselves if they can, or IAM in the name of ``sign_as``.

    Raises `NoSignature` for credentials that belong to no service account.
    """
    if sign_as is None and isinstance(credentials, Signing):
        return credentials
    return RemoteSigner(credentials, sign_as)


class RemoteSigner(Signing):
    """Has IAM sign; the credentials need ``iam.serviceAccounts.signBlob`` on the account."""

    def __init__(
        self,
        credentials: Credentials | None,
        email: str | None = None,
        request: Callable[..., object] | None = None,
    ) -> None:
        # For a token that may ask IAM: those for the storage alone may not.
        if isinstance(credentials, Scoped):
            credentials = credentials.with_scopes([_CLOUD_PLATFORM])  # type: ignore[no-untyped-call]
        request = transport.TokenRequest(Session()) if request is None else request
        if email is None:
            email = getattr(credentials, "service_account_email", None)
        if credentials is not None and email == "default":
            # So Compute Engine calls an account until there is a token.
            credentials.refresh(request)
            email = credentials.service_account_email
        if credentials is None or email is None:
            raise NoSignature(
                "these credentials belong to no service account, so nobody signs URLs: use the key"
                " of one, or name one by sign_as"
            )
        self._email = email
        self._signer = Signer(request, credentials, email)  # type: ignore[no-untyped-call]

    @property
    def signer_email(self) -> str:
        """Whose signature it is."""
        return self._email

    @property
    def signer(self) -> Signer:
        """What asks the service."""
        return self._signer

    def sign_bytes(self, message: bytes) -> bytes:
        """The signature."""
        try:
            signature: bytes = self._signer.sign(message)
        except TransportError as error:
            raise NoSignature(
                f"the IAM service does not sign for {self._email}: enable the IAM Service Account"
                " Credentials API, and give these credentials the role Service Account Token"
                " Creator on that account"
            ) from error
        return signature
