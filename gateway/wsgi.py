"""What gunicorn serves: `gunicorn gateway.wsgi:app`. For that reason the one module that acts at import."""

from __future__ import annotations

from gateway import create_app
from helpline import danger, languages, logs
from helpline.settings import load

logs.configure("web")
app = create_app(load())
# Lists are read before the first webhook, not in every thread at once while it waits.
danger.find("warm up")
languages.supported("en")
