# SPDX-License-Identifier: Apache-2.0
"""A Caddy in front of a hub, with certificates of an authority of its own."""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

CADDY = shutil.which("caddy")
CADDYFILE = Path(__file__).parents[1] / "deploy/caddy/Caddyfile"
CERTIFICATES = CADDYFILE.with_name("certificates.caddy")


def is_installed():
    """Whether there is a Caddy to start."""
    return CADDY is not None


@contextlib.contextmanager
def running(folder, *, hub, asks=False):
    """Caddy with deploy/caddy/Caddyfile in front of a hub; gives its address and its authority.

    hub: the hub's address. asks: also with certificates.caddy; gives its address as well.
    """
    with contextlib.ExitStack() as stack:
        places = [stack.enter_context(socket.socket()) for _ in range(3)]
        for place in places:
            place.bind(("127.0.0.1", 0))
        https, http, asking = (place.getsockname()[1] for place in places)
    ports = (https, asking) if asks else (https,)
    authority = folder / "pki/authorities/local/root.crt"
    config = folder / "Caddyfile"
    config.write_text(
        "{\n admin off\n skip_install_trust\n default_bind 127.0.0.1\n"
        f" https_port {https}\n http_port {http}\n storage file_system {folder}\n}}\n"
        f"import {CADDYFILE}\n" + (f"import {CERTIFICATES}\n" if asks else "")
    )
    environment = os.environ | {
        "STEMTIDE_HOST": "localhost",
        "STEMTIDE_HUB": hub.removeprefix("http://"),
        "STEMTIDE_CERTIFICATE_PORT": str(asking),
        "HOME": str(folder),
    }
    command = [CADDY, "run", "--adapter", "caddyfile", "--config", config]
    log = folder / "caddy.log"
    with (
        log.open("wb") as stderr,
        subprocess.Popen(command, env=environment, stderr=stderr) as process,
    ):
        try:
            while not all(_has_certificate(port, authority) for port in ports):
                assert process.poll() is None, log.read_text()[-2000:]
                time.sleep(0.05)
            address = f"https://localhost:{https}"
            yield (
                (address, f"https://localhost:{asking}", authority)
                if asks
                else (
                    address,
                    authority,
                )
            )
        finally:
            process.terminate()


def _has_certificate(port, authority):
    """Whether Caddy shows a certificate, which it makes after it listens."""
    if not authority.exists():
        return False
    try:
        context = ssl.create_default_context(cafile=authority)
        with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
            context.wrap_socket(plain, server_hostname="localhost").close()
    except OSError:  # of TLS, too
        return False
    return True
