"""Schema history (Alembic). `wayline migrate` brings a database to the newest version."""
