"""The numbered checks of docs/acceptance.md on the running helpline: `test_05_…` is check 5.

Nothing here is in-process: PostgreSQL, gunicorn, the worker and Rasa run as they do for people, and are killed,
frozen and starved as machines do it. `ACCEPTANCE=full` runs every check at its full size; without it the same
things happen fewer times or for shorter. `ACCEPTANCE_REPORT=path` writes the table of the results to a file.
"""
