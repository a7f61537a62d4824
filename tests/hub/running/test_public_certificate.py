# SPDX-License-Identifier: Apache-2.0
"""The days that the TLS certificate of the public address has left, as metrics show them."""

import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest

from stemtide.hub.public_certificate import CertificateWatch, certificate_end


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of this machine for nine days, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    name, key = folder / "cert.pem", folder / "key.pem"
    make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 -subj /CN=h"
    alt = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(name)]
    subprocess.run(["openssl", *make.split(), *alt], check=True, capture_output=True)
    return name, key


@contextmanager
def tls_server(certificate):
    """A server that shakes hands and says nothing; gives its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            with suppress(OSError):  # it is closed
                while True:
                    plain, _ = listening.accept()
                    with plain, suppress(OSError):
                        context.wrap_socket(plain, server_side=True).close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def days_left(url):
    """What a watch shows once it has looked."""
    watch = CertificateWatch()
    assert watch.days_left(url, now=datetime.now(UTC)) is None
    for thread in threading.enumerate():
        if getattr(thread, "_target", None) == watch._look:
            thread.join()
    return watch.days_left(url, now=datetime.now(UTC))


def test_a_valid_certificate_has_its_days(monkeypatch, certificate):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with tls_server(certificate) as url:
        assert 8 < days_left(url) < 9.1


def test_one_that_is_not_valid_has_none_left(certificate):
    with tls_server(certificate) as url:
        assert days_left(url) == 0
        with pytest.raises(ssl.SSLCertVerificationError):
            certificate_end(url)


@pytest.mark.parametrize("url", ["", "http://hub.example", "https://127.0.0.1:1"])
def test_where_nobody_can_look_there_is_no_number(url):
    assert days_left(url) is None
