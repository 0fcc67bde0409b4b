"""kvcore for Flask: an extension that gives an app its named stores; uploads, and serving them."""

from kvcore_flask.extension import KVCore as KVCore
from kvcore_flask.extension import current_store as current_store
from kvcore_flask.serving import send_from_store as send_from_store
from kvcore_flask.uploads import save_upload as save_upload
