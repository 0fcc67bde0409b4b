"""Decorators: stores around a store. One decorator, one file.

Each is a pure key mapping (`KeyTransformingDecorator`), a codec of values, or a policy.
"""
