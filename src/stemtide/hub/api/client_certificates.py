# SPDX-License-Identifier: Apache-2.0
"""Client certificates of callers, which a proxy checks and passes on. Decision 0199.

1 The proxy asks for a certificate, so that the caller proves that it has its private key (TLS), and
  puts the certificate into the header Client-Cert (RFC 9440), or nothing if there is none.
2 The hub reads this header from trusted proxies only, and only if a setting says that they set it:
  a proxy that does not know the header would pass on what a caller writes there.
3 Nothing behind this reads the header: it is removed, and its SHA-256 put beside the request.
"""

import base64
import binascii
import hashlib
from collections.abc import Collection
from ipaddress import ip_address, ip_network
from urllib.parse import unquote

from django.http import HttpRequest

from stemtide.hub.api.asgi import Application, Receive, Scope, Send

HEADER = b"client-cert"

_KEY = "stemtide.certificate"
_SPELLINGS = frozenset({HEADER, HEADER.replace(b"-", b"_")})
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def read_certificates(
    application: Application, *, proxies: Collection[str], is_on: bool
) -> Application:
    """Wrap an application so that it knows the client certificate of each request.

    It must be outside of all that changes the address of the caller. proxies: as read_proxies()
    returns them. is_on: whether these proxies set the header.
    """
    networks = [ip_network(proxy) for proxy in proxies] if is_on else []

    def is_proxy(peer: str) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in networks)

    async def read(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            values = [value for name, value in scope["headers"] if name == HEADER]
            peer = (scope.get("client") or ("",))[0]
            scope[_KEY] = fingerprint(values[0]) if len(values) == 1 and is_proxy(peer) else ""
            if any(name in _SPELLINGS for name, _ in scope["headers"]):
                scope["headers"] = [
                    (name, value) for name, value in scope["headers"] if name not in _SPELLINGS
                ]
        await application(scope, receive, send)

    return read


def fingerprint(value: bytes) -> str:
    """Return the SHA-256 of a certificate in the header, in hex; "" if there is none.

    Its forms are that of RFC 9440, base64 between colons, and that of nginx, PEM with percent
    encoding. Anything else is no certificate.
    """
    text = value.decode("latin-1").strip()
    if text.startswith(":") and text.endswith(":"):
        encoded = text[1:-1]
    else:
        encoded = _between_marks(unquote(text))
    try:
        der = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return ""
    return hashlib.sha256(der).hexdigest() if der else ""


def _between_marks(pem: str) -> str:
    """Return the base64 of one certificate in PEM, in one line; "" for anything else."""
    lines = pem.split()
    text = " ".join(lines)
    if not (text.startswith(_BEGIN) and text.endswith(_END)) or text.count(_BEGIN) != 1:
        return ""
    return "".join(text.removeprefix(_BEGIN).removesuffix(_END).split())


def certificate_in(scope: Scope) -> str:
    """Return the SHA-256 of the caller's client certificate; "" for none."""
    return str(scope.get(_KEY, ""))


def certificate_of(request: HttpRequest) -> str:
    """Return the same of a request in Django."""
    return certificate_in(getattr(request, "scope", {}))
