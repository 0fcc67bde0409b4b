"""A Django app with files, for the tests of `kvcore_django`."""
