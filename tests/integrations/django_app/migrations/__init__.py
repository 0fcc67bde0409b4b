"""Migrations of the app of the tests."""
