"""Values as objects of a bucket, in Amazon S3 or what speaks like it.

`store` holds the store, `urls` its options and how a URL becomes one, `providers` what each service
is known to need, `conditions` which conditions are trusted, and `probing` finds that out. `client`
makes the client, `retrying` times its requests, `errors` tells its errors in our words. The verbs
are done by `reading`, `uploading` (with `parts` and `bodies`), `copying`, `deleting`, `listing`;
`etags` tells what etag a value gets. URLs come from `presigner` (with `signing`). `headers` are
those that values are put with; `objects` names what boto3 has.
"""

from kvcore.backends.s3.store import S3Store as S3Store
