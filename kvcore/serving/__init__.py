"""How a value goes out over HTTP: a plan of status, headers and bytes, the same everywhere.

What is stored came from users, so the plan trusts none of it. The content type is told by the
bytes, `mime.INLINE_TYPES` are shown and all else is a download, and every answer forbids the
browser to guess a type (``nosniff``) or to run anything (``Content-Security-Policy: sandbox``).

Alone in a tab a picture has its place and a film plays: their policies let in what the browser's
own page for them needs, and no script.

An integration asks `open_response` for a plan and a body and translates both.
"""

from kvcore.serving.body import InlineBody as InlineBody
from kvcore.serving.body import ResponseBody as ResponseBody
from kvcore.serving.body import open_response as open_response
from kvcore.serving.body import open_response_inline as open_response_inline
from kvcore.serving.body import wsgi_headers as wsgi_headers
from kvcore.serving.plan import PRIVATE as PRIVATE
from kvcore.serving.plan import SAFE_HEADERS as SAFE_HEADERS
from kvcore.serving.plan import Presentation as Presentation
from kvcore.serving.plan import ResponsePlan as ResponsePlan
from kvcore.serving.plan import byte_range as byte_range
from kvcore.serving.plan import http_date as http_date
from kvcore.serving.plan import plan_conditions as plan_conditions
from kvcore.serving.plan import plan_response as plan_response
from kvcore.serving.plan import plan_value as plan_value
