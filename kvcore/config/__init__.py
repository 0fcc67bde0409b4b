"""Stores from configuration: URLs, dicts, named stores, secrets."""

from kvcore.config.plan import DecoratorPlan as DecoratorPlan
from kvcore.config.plan import StorePlan as StorePlan
from kvcore.config.secrets import SecretSource as SecretSource
from kvcore.config.shape import AnyConfig as AnyConfig
from kvcore.config.shape import StoreConfig as StoreConfig
from kvcore.config.stores import Stores as Stores
from kvcore.config.stores import store_from_config as store_from_config
from kvcore.config.stores import store_from_url as store_from_url
from kvcore.config.urls import redacted as redacted
