"""The picture shelf on Django: a model with a `FileField`, whose files are in a kvcore store."""
