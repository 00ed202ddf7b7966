"""What gunicorn serves: `gunicorn console.wsgi:app`. Every open page holds one of its threads (`/live`)."""

from __future__ import annotations

from console import create_app
from helpline import logs
from helpline.settings import load

logs.configure("console")
app = create_app(load())
