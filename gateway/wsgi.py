"""What gunicorn serves: `gunicorn gateway.wsgi:app`. For that reason the one module that acts at import."""

from __future__ import annotations

from gateway import create_app
from helpline.settings import load

app = create_app(load())
