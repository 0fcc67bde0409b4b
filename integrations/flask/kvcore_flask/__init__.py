"""kvcore for Flask: an extension that gives an app its named stores; uploads,
serving them, and sessions.
"""

from kvcore_flask.extension import KVCore as KVCore
from kvcore_flask.serving import send_from_store as send_from_store
from kvcore_flask.sessions import KVSession as KVSession
from kvcore_flask.sessions import KVSessionExtension as KVSessionExtension
from kvcore_flask.sessions import KVSessionInterface as KVSessionInterface
from kvcore_flask.sessions import current_sessions as current_sessions
from kvcore_flask.sessions import session as session
from kvcore_flask.stores import current_store as current_store
from kvcore_flask.uploads import save_upload as save_upload
