"""Signed URLs, which need no request"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

from benchmarks.django_project import set_up
from benchmarks.measure import OURS, Contest, timed
from benchmarks.places import ANY, Place
from benchmarks.row import Row
from kvcore import S3Store

BUCKET, REGION, EXPIRES_SECS = "bucket", "eu-central-1", 600
KEYS = {"access_key": "AKIDEXAMPLE", "secret_key": "a secret of this measurement"}


def sign(place: Place, method: str, options: dict[str, Any]) -> Contest:
    names = place.names()
    store = S3Store(BUCKET, region=REGION, **KEYS)
    signers: dict[str, Callable[[str], object]] = {
        OURS: partial(store.url_for, expires=EXPIRES_SECS, method=method, **options)
    }
    if method == "GET":
        signers |= {"boto3": _boto3(), "botocore's signer": _botocore()}
        if find_spec("storages") is not None:
            signers["django-storages"] = _django_storages()
    return {name: timed(signer, names) for name, signer in signers.items()}


def _boto3() -> Callable[[str], object]:
    import boto3
    from botocore.config import Config

    session = boto3.session.Session(KEYS["access_key"], KEYS["secret_key"], region_name=REGION)
    client = session.client("s3", config=Config(signature_version="s3v4"))

    def url(name: str) -> str:
        asked = {"Bucket": BUCKET, "Key": name}
        signed: str = client.generate_presigned_url("get_object", asked, EXPIRES_SECS)
        return signed

    return url


def _botocore() -> Callable[[str], object]:
    """Its signer alone, without what boto3 does to find the address."""
    from botocore.auth import S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    credentials = Credentials(KEYS["access_key"], KEYS["secret_key"])

    def url(name: str) -> object:
        request = AWSRequest("GET", f"https://{BUCKET}.s3.{REGION}.amazonaws.com/{name}")
        S3SigV4QueryAuth(credentials, "s3", REGION, EXPIRES_SECS).add_auth(request)
        return request.url

    return url


def _django_storages() -> Callable[[str], object]:
    set_up()
    from storages.backends.s3 import S3Storage

    storage = S3Storage(bucket_name=BUCKET, region_name=REGION, signature_version="s3v4", **KEYS)
    return partial(storage.url, expire=EXPIRES_SECS)


NAMED = {"filename": "Report March.pdf", "content_type": "application/pdf"}
PUT = {"content_type": "image/png", "content_length": 1000, "sha256": bytes(32), "if_absent": True}
ROWS = (
    Row("signed URL", partial(sign, method="GET", options={}), {ANY: 40e-6}),
    Row(
        "signed URL with a name and type for the answer",
        partial(sign, method="GET", options=NAMED),
        {ANY: 60e-6},
    ),
    Row("signed URL to put to, bound", partial(sign, method="PUT", options=PUT), {ANY: 60e-6}),
)
