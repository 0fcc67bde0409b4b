"""The picture shelf on Django. It needs no database: all that it keeps is in a kvcore store."""
