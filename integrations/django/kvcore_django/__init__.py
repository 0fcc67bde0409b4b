"""kvcore for Django: the named stores of `KVCORE_STORES`, and uploads into them.

`kvcore_django.storage.KVStorage` is for `STORAGES`, `kvcore_django.urls` serves what is stored,
`kvcore_django.sessions` is for `SESSION_ENGINE`.
"""

from kvcore_django.sessions import current_async_sessions as current_async_sessions
from kvcore_django.sessions import current_session as current_session
from kvcore_django.sessions import current_sessions as current_sessions
from kvcore_django.stores import current_store as current_store
from kvcore_django.uploads import generate_key as generate_key
from kvcore_django.uploads import save_upload as save_upload
