# SPDX-License-Identifier: Apache-2.0
"""Compression of pages for browsers."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class CompressedPages(GZipMiddleware):
    """Send pages as gzip to browsers that accept it: a phone at the edge of a network may be one.

    Streams stay as they are, because compression would hold events back, and so do the answers of
    the API. Django adds a random length to each page, so that its size reveals no token of it.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Compress a page, and leave everything else as it is."""
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        if response.streaming or not is_page:
            return response
        return super().process_response(request, response)
