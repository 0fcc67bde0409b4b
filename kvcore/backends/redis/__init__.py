"""Values in Redis or Valkey.

`store` holds the store, `hooks` what is sent and how an answer is read (once, for sync and async),
`scripts` the short Lua scripts among it, `listing` how the names of a scan become keys. A `links`
module takes commands to the server: `links` by a synchronous client, `awaited` by an async one;
`clients` makes both, `errors` tells the client's errors in our words, `urls` is the recipe.
"""

from kvcore.backends.redis.store import RedisStore as RedisStore
