# SPDX-License-Identifier: Apache-2.0
"""Sessions for clients of the package threatexchange, on the hub's own egress.

Such a client sends by requests. Its sessions get an adapter that sends by a SourceClient: public
https addresses, no redirects, the limits of a run. It reaches the server of the exchange alone, so
that a page that names another one does not get our key.
"""

from typing import Any
from urllib.parse import urlsplit

import requests  # noqa: TID251  # the package's clients use it
from requests.adapters import BaseAdapter  # noqa: TID251

from stemtide.egress.requests import OutboundRequest
from stemtide.hub.rooms.exchanges.sources.source import SourceClient, SourceError

_OWN_HEADERS = frozenset({"accept-encoding", "connection", "content-length", "user-agent"})
"""Headers that the egress sets itself."""


class EgressAdapter(BaseAdapter):
    """Send the requests of a session through the client of a run."""

    def __init__(self, client: SourceClient, *, address: str) -> None:
        super().__init__()
        self._client = client
        self._server = _server(address)

    def send(  # type: ignore[override]  # limits of time and proxies are those of the egress
        self, request: requests.PreparedRequest, **_options: object
    ) -> requests.Response:
        """Send a request; any status other than success raises an error.

        raises: SourceError.
        """
        if _server(request.url or "") != self._server:
            raise SourceError("it leads to another server: that is not followed")
        body: Any = request.body or b""
        headers = {
            name.lower(): value if isinstance(value, str) else value.decode("latin-1")
            for name, value in request.headers.items()
            if name.lower() not in _OWN_HEADERS
        }
        answer = self._client.ask(
            OutboundRequest(
                request.url or "",
                method=request.method or "GET",
                headers=headers,
                body=body.encode() if isinstance(body, str) else body,
            )
        )
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(answer.headers)
        response.url, response.request = request.url or "", request
        response.encoding = "utf-8"
        response._content = answer.body  # noqa: SLF001  # requests has no other way in
        return response

    def close(self) -> None:
        """Close nothing: each request has a connection of its own."""


def open_session(client: SourceClient, *, address: str) -> requests.Session:
    """Return a session that reaches the server of an address alone."""
    session = requests.Session()
    session.trust_env = False
    for scheme in ("https://", "http://"):
        session.mount(scheme, EgressAdapter(client, address=address))
    return session


def _server(address: str) -> tuple[str, str]:
    """Return the scheme and the host with its port."""
    parts = urlsplit(address)
    return parts.scheme, parts.netloc
