"""Values in Redis or Valkey.

`store` holds the store and its verbs for one key, `many` those for many, `asking` what both share.
`words` are what commands are made of, `scripts` the short Lua scripts that run in the server,
`listing` tells how the names of a scan become keys, `errors` the client's errors in our words,
`urls` is the recipe.

The store speaks with a `server`, which takes the link that fits its caller: `links` are by
synchronous clients, `awaited` by an async one, in an event loop; both keep the one deadline of a
call by `timing`. `clients` makes connections, `twins` the async form of a client that was passed
in, and `objects` names what redis-py has.
"""

from kvcore.backends.redis.store import RedisStore as RedisStore
