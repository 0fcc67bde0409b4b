"""The scripts that run in the server, for what no single command does, and the etag they share.

An etag is ``sha1(sha1(value) + sha1("kvcore" + value))``, all in hexadecimal: a hash, as Redis
keeps nothing beside a value, and SHA-1, as scripts have no other. Two values with one SHA-1 can be
made (Stevens et al., 2017), but none are known to be within reach that have both inner hashes in
common: by Joux (2004) that takes the 2^80 steps of an unbroken hash of this length. So equal etags
mean equal bytes here, too.
"""

from __future__ import annotations

from hashlib import sha1
from typing import Final

_SALT = "kvcore"


def etag_of(data: bytes) -> str:
    """The etag of a value.

    >>> etag_of(b"hello")
    '6e820b6088f7e5f5af2d6ba8a2e02766247f5c60'
    """
    salted = sha1(_SALT.encode(), usedforsecurity=False)
    salted.update(data)
    both = sha1(data, usedforsecurity=False).hexdigest() + salted.hexdigest()
    return sha1(both.encode(), usedforsecurity=False).hexdigest()


class Script:
    """A script and the name by which the server knows it once it has run."""

    __slots__ = ("sha", "text")

    def __init__(self, text: str) -> None:
        self.text: Final = text
        self.sha: Final = sha1(text.encode(), usedforsecurity=False).hexdigest()


# A missing value answers nothing (false becomes nil), other bytes than expected answer
# {value, milliseconds to live}, as does a value that was asked for.
_ETAG = f"""
local function etag(value)
  return redis.sha1hex(redis.sha1hex(value) .. redis.sha1hex('{_SALT}' .. value))
end
"""
_MATCH = f"""{_ETAG}
local value = redis.call('GET', KEYS[1])
if not value then return false end
if etag(value) ~= ARGV[1] then return {{value, redis.call('PTTL', KEYS[1])}} end
"""

FETCH = Script("""
local value = redis.call('GET', KEYS[1])
if not value then return false end
return {value, redis.call('PTTL', KEYS[1])}
""")
"""key → {value, milliseconds to live}."""

STAT = Script(f"""{_ETAG}
local size = redis.call('STRLEN', KEYS[1])
local ms = redis.call('PTTL', KEYS[1])
if ms == -2 then return false end
if size > tonumber(ARGV[1]) then return {{size, ms, ''}} end
return {{size, ms, etag(redis.call('GET', KEYS[1]))}}
""")
"""key, largest size to be hashed → {size, milliseconds to live, etag or ``''``}."""

SWAP = Script(f"""{_MATCH}
if ARGV[3] == '' then
  redis.call('SET', KEYS[1], ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
""")
"""key, etag, value, milliseconds to live or ``''`` → 1 if it was replaced."""

DELETE_MATCH = Script(f"""{_MATCH}
redis.call('UNLINK', KEYS[1])
return 1
""")
"""key, etag → 1 if it was removed."""

_SOURCE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
if ARGV[1] == '1' and redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
"""

# Not COPY, which servers know since 6.2 only, and which would take any type for a value.
COPY = Script(f"""{_SOURCE}
local value = redis.call('GET', KEYS[1])
local ms = redis.call('PTTL', KEYS[1])
if ms < 0 then
  redis.call('SET', KEYS[2], value)
else
  redis.call('SET', KEYS[2], value, 'PX', math.max(ms, 1))
end
return 1
""")
"""source, dest, ``'1'`` for if_absent → 1, 0 if the dest is there, -1 if the source is not."""

MOVE = Script(f"""{_SOURCE}
redis.call('STRLEN', KEYS[1])
redis.call('RENAME', KEYS[1], KEYS[2])
return 1
""")
"""As `COPY`. STRLEN raises for what is no value; the expiry goes along."""

# The sum is read as text: a number of Lua has 53 bits.
INCREMENT = Script("""
local is_new = redis.call('EXISTS', KEYS[1]) == 0
redis.call('INCRBY', KEYS[1], ARGV[1])
if is_new then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return redis.call('GET', KEYS[1])
""")
"""key, summand, milliseconds to live if it is created → the sum as text."""
