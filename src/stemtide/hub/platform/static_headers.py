# SPDX-License-Identifier: Apache-2.0
"""Headers of static files: the policy of the worker that fingerprints pictures."""

from wsgiref.headers import Headers

WORKER_POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'"
"""The Content-Security-Policy of that worker: it may run its own files and WebAssembly, and may
connect to nothing. So it cannot send a picture anywhere, and no page needs 'wasm-unsafe-eval'.

source: W3C, Content Security Policy Level 3, sections 4.2 and 8.1 (a worker has its own policy).
"""

_WORKER = "/desk/share/worker.js"


def add_static_headers(headers: Headers, path: str, url: str) -> None:  # noqa: ARG001  # WhiteNoise's
    """Set the headers of one static file."""
    if url.endswith(_WORKER):
        headers["Content-Security-Policy"] = WORKER_POLICY
