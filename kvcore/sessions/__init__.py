"""Sessions of visitors, kept in any store: what the frameworks share.

`Sessions` (or `AsyncSessions`) opens a `Session` for a cookie and saves it when the request is
over; `Saved` tells what the response needs, `CookiePolicy`, `varying` and `private` say it in
headers. Integrations translate.
"""

from kvcore.sessions.cookies import CookiePolicy as CookiePolicy
from kvcore.sessions.cookies import SameSite as SameSite
from kvcore.sessions.cookies import is_for_shared_caches as is_for_shared_caches
from kvcore.sessions.cookies import private as private
from kvcore.sessions.cookies import sent_cookie as sent_cookie
from kvcore.sessions.cookies import varying as varying
from kvcore.sessions.events import SessionConflict as SessionConflict
from kvcore.sessions.events import SessionCreated as SessionCreated
from kvcore.sessions.events import SessionEnded as SessionEnded
from kvcore.sessions.events import SessionEvent as SessionEvent
from kvcore.sessions.events import SessionExpired as SessionExpired
from kvcore.sessions.events import SessionLost as SessionLost
from kvcore.sessions.events import SessionRejected as SessionRejected
from kvcore.sessions.events import SessionRevoked as SessionRevoked
from kvcore.sessions.events import SessionRotated as SessionRotated
from kvcore.sessions.events import SessionStoreFailed as SessionStoreFailed
from kvcore.sessions.events import SessionUnknown as SessionUnknown
from kvcore.sessions.events import SessionUnreadable as SessionUnreadable
from kvcore.sessions.events import log as log
from kvcore.sessions.ids import SignedIds as SignedIds
from kvcore.sessions.ids import handle_of as handle_of
from kvcore.sessions.keeping import Saved as Saved
from kvcore.sessions.literal import LiteralSession as LiteralSession
from kvcore.sessions.merging import merge as merge
from kvcore.sessions.policy import SessionOptions as SessionOptions
from kvcore.sessions.policy import SessionPolicy as SessionPolicy
from kvcore.sessions.reports import PruneReport as PruneReport
from kvcore.sessions.serializing import Serializer as Serializer
from kvcore.sessions.serializing import TaggedJSON as TaggedJSON
from kvcore.sessions.session import Session as Session
from kvcore.sessions.sessions import AsyncSessions as AsyncSessions
from kvcore.sessions.sessions import Handled as Handled
from kvcore.sessions.sessions import Ids as Ids
from kvcore.sessions.sessions import Sessions as Sessions
from kvcore.sessions.settings import policy_from as policy_from
from kvcore.sessions.users import SessionInfo as SessionInfo
from kvcore.sessions.visits import LoadMode as LoadMode
from kvcore.sessions.visits import Visits as Visits
from kvcore.sessions.visits import VisitSession as VisitSession
from kvcore.sessions.weak_secrets import warn_of_weak_secrets as warn_of_weak_secrets
