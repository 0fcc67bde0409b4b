"""Django's sessions in a store."""
