"""What is each framework's own; what they share is in tests/http."""
