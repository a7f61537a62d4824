# SPDX-License-Identifier: Apache-2.0
"""Compression of what browsers read."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

COMPRESSED = frozenset({"text/html", "text/css", "text/javascript"})
"""Types of content that are compressed: pages, and what a page loads."""

_PARTIAL_CONTENT = 206


class CompressedPages(GZipMiddleware):
    """Send pages, styles and scripts as gzip to browsers that accept it.

    A phone at the edge of a network may be one. Live events stay as they are, because compression
    would hold them back, and so do the answers of the API. Django adds a random length to each
    page, so that its size reveals no token of it.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Compress a page, style or script, and nothing else."""
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        if kind not in COMPRESSED or response.status_code == _PARTIAL_CONTENT:
            return response
        return super().process_response(request, response)
