"""Flask's sessions in a store: as Flask-KVSession, Flask's own and Flask-Login expect."""
