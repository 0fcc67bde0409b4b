"""Values in Google Cloud Storage.

`store` holds the store; it reads by `media`, writes by `uploads`, lists by `listing`, copies by
`copying` and signs by `signing`. All of them ask through a `link`: the client of a bucket, whose
calls are repeated by `retrying` and whose exceptions become ours in `errors`. `client` makes that
client, with a session of `transport`, or takes one; `urls` is the recipe.

google-cloud-storage is imported by `client`, with the first call of a store; `link` and all that it
needs are imported after that.
"""

from kvcore.backends.gcs.store import GoogleCloudStore as GoogleCloudStore
