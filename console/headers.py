"""Headers of every answer: nothing from elsewhere runs, frames us, caches us or learns where we are."""

from __future__ import annotations

from flask import Flask, request
from werkzeug.wrappers import Response

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

FILE_POLICY = "default-src 'none'; sandbox"
"""Of a file that somebody sent: opened by itself, nothing in it runs or loads anything."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}

YEAR = 365 * 24 * 60 * 60


def install(app: Flask, secure: bool) -> None:
    """`secure`: the console is reached over TLS, so browsers shall never try without."""

    @app.after_request
    def _add(response: Response) -> Response:
        response.headers.update(HEADERS)
        if request.endpoint == "files.show" and response.status_code < 300:
            response.headers["Content-Security-Policy"] = FILE_POLICY
        if secure:
            response.headers["Strict-Transport-Security"] = f"max-age={YEAR}"
        # Static files carry a digest of their content in the address (`asset`), so they may be kept.
        kept = request.endpoint == "static" and response.status_code == 200
        response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable" if kept else "no-store"
        return response
