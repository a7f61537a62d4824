# SPDX-License-Identifier: Apache-2.0
"""Keys with a client certificate, through a real Caddy and a real nginx, and past them."""

import base64
import hashlib
import ssl
import subprocess
from urllib.parse import quote

import httpx
import pytest

from stemtide.client import AsyncHub, Hub, RefusedError, UnreachableError
from stemtide.client.calls import agents
from tests import caddy, nginx
from tests.hub.api.conftest import serving

PARTY = "be-crisis-centre"
FEED = "/api/v1/feed"  # from memory
WHOAMI = "/api/v1/whoami"  # by Django
STREAM = "/api/v1/events/stream"


def new_certificate(folder, name):
    """A self-signed certificate for localhost with its key; the file of each, and one of both."""
    key, certificate, both = (folder / f"{name}.{end}" for end in ("key", "crt", "pem"))
    subject = ("-subj", f"/CN={name}", "-days", "1", "-nodes", "-newkey", "rsa:2048")
    names = ("-addext", "subjectAltName=DNS:localhost")
    words = ("openssl", "req", "-x509", *subject, *names, "-keyout", key, "-out", certificate)
    subprocess.run(list(map(str, words)), check=True, capture_output=True)
    both.write_text(certificate.read_text() + key.read_text())
    return key, certificate, both


def der(certificate):
    return ssl.PEM_cert_to_DER_cert(certificate.read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def own(folder):
    return new_certificate(folder, "own")


@pytest.fixture(scope="module")
def other(folder):
    return new_certificate(folder, "other")


@pytest.fixture(scope="module")
def bound():
    settings = {"STEMTIDE_TRUSTED_PROXIES": "127.0.0.1", "STEMTIDE_CLIENT_CERTIFICATES": "1"}
    with serving(**settings) as hub:
        yield hub


@pytest.fixture(scope="module")
def key(bound, own):
    return bound.bound_key(PARTY, hashlib.sha256(der(own[1])).hexdigest())


@pytest.fixture(params=["caddy", "nginx"])
def proxy(request, bound, folder, tmp_path):
    """The address for people, the one that asks for certificates, and who signed for both."""
    if request.param == "caddy":
        if not caddy.is_installed():
            pytest.skip("Caddy is not installed")
        with caddy.running(tmp_path, hub=bound.address, asks=True) as addresses:
            yield addresses
        return
    if not nginx.nginx_is_installed():
        pytest.skip("nginx is not installed")
    key, certificate, _ = new_certificate(folder, "proxy")
    with nginx.running(tmp_path, hub=bound.address, certificate=certificate, key=key) as addresses:
        yield *addresses, certificate


def status(address, path, key, *, authority=None, certificate=None, local="", **headers):
    """The status of a response to a key. local: the address that the caller connects from."""
    verify = ssl.create_default_context(cafile=authority)
    if certificate:
        verify.load_cert_chain(certificate)
    transport = httpx.HTTPTransport(verify=verify, local_address=local or None)
    sent = {"Authorization": f"Bearer {key}"} | headers
    with (
        httpx.Client(transport=transport, timeout=60) as client,
        client.stream("GET", address + path, headers=sent) as response,
    ):
        return response.status_code


@pytest.mark.nightly
@pytest.mark.parametrize("path", [FEED, WHOAMI, STREAM])
def test_a_key_works_with_its_certificate_alone(proxy, key, own, other, path):
    people, asking, authority = proxy
    forged = {"Client-Cert": f":{base64.b64encode(der(own[1])).decode()}:"}
    escaped = {"Client-Cert": quote(own[1].read_text(), safe="")}

    def at(address, certificate=None, **headers):
        how = {"authority": authority, "certificate": certificate}
        return status(address, path, key, **how, **headers)

    assert at(asking, own[2]) == 200
    assert at(asking, other[2]) == 401
    assert at(asking) == 401
    for headers in (forged, escaped):
        assert at(asking, **headers) == 401
        assert at(asking, other[2], **headers) == 401
        assert at(people, **headers) == 401
    assert at(people, own[2]) == 401


@pytest.mark.parametrize("path", [FEED, WHOAMI, STREAM])
def test_a_header_counts_from_a_trusted_proxy_only(bound, key, own, path):
    """The hub trusts 127.0.0.1, so this client is its proxy, and one at 127.0.0.2 is not."""
    rfc = f":{base64.b64encode(der(own[1])).decode()}:"
    pem = quote(own[1].read_text(), safe="")
    for header in (rfc, pem):
        assert status(bound.address, path, key, **{"Client-Cert": header}) == 200
        forged = {"Client-Cert": header, "X-Forwarded-For": "127.0.0.1"}
        assert status(bound.address, path, key, local="127.0.0.2", **forged) == 401
        assert status(bound.address, path, key, Client_Cert=header) == 401
    for header in (hashlib.sha256(der(own[1])).hexdigest(), f"{rfc},{rfc}", pem + pem, "::", "x"):
        assert status(bound.address, path, key, **{"Client-Cert": header}) == 401


@pytest.mark.nightly
def test_a_key_without_a_certificate_works_as_before(proxy, bound, other):
    people, asking, authority = proxy
    how = {"authority": authority}
    assert status(people, FEED, bound.keys[PARTY], **how) == 200
    assert status(asking, FEED, bound.keys[PARTY], certificate=other[2], **how) == 200


@pytest.mark.nightly
def test_programs_of_ours_connect_with_a_certificate(proxy, key, own, monkeypatch, tmp_path):
    _, asking, authority = proxy
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with Hub(asking, key=key, certificate=own[2]) as hub:
        assert hub.ask(agents.whoami()).party == PARTY
    with Hub(asking, key=key) as hub, pytest.raises(RefusedError, match="client certificate"):
        hub.ask(agents.whoami())
    with pytest.raises(UnreachableError, match="client certificate"):
        AsyncHub(asking, key=key, certificate=tmp_path / "none.pem").connection.options()


@pytest.mark.nightly
def test_a_hub_that_is_not_behind_such_a_proxy_believes_no_header(own):
    with serving(STEMTIDE_TRUSTED_PROXIES="127.0.0.1") as hub:
        key = hub.bound_key(PARTY, hashlib.sha256(der(own[1])).hexdigest())
        header = f":{base64.b64encode(der(own[1])).decode()}:"
        assert status(hub.address, FEED, key, **{"Client-Cert": header}) == 401
