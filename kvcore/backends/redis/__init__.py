"""Values in Redis or Valkey.

`store` holds the store, `scripts` the short Lua scripts that it runs in the server, `listing` how
the names of a scan become keys, `errors` the client's errors in our words, `urls` the recipe. It
speaks with a `server`, which takes the link that fits its caller: `links` are by synchronous
clients, `awaited` by an async one, in an event loop; both keep the one deadline of a call by
`timing`. `clients` makes connections, `twins` the async form of a client that was passed in, and
`objects` names what redis-py has.
"""

from kvcore.backends.redis.store import RedisStore as RedisStore
