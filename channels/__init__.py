"""One module per provider: verify, parse, send. Imports nothing of the project."""
