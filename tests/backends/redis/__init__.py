"""What is particular to Redis; the suite itself runs in tests/contract/test_redis.py."""
