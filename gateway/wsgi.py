"""What gunicorn serves: `gunicorn gateway.wsgi:app`. For that reason the one module that acts at import."""

from __future__ import annotations

from gateway import create_app
from helpline import logs
from helpline.settings import load

logs.configure("web")
app = create_app(load())
