"""Fixtures of the configuration's tests."""

from tests.config.others import others as others
