# SPDX-License-Identifier: Apache-2.0
"""A Caddy in front of a hub, with certificates of an authority of its own."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

CADDY = shutil.which("caddy")
CADDYFILE = Path(__file__).parents[1] / "deploy/caddy/Caddyfile"


def is_installed():
    """Whether there is a Caddy to start."""
    return CADDY is not None


@contextlib.contextmanager
def running(folder, *, hub):
    """Caddy with deploy/caddy/Caddyfile in front of a hub; gives its address and its authority.

    hub: the hub's address.
    """
    with contextlib.ExitStack() as stack:
        places = [stack.enter_context(socket.socket()) for _ in range(2)]
        for place in places:
            place.bind(("127.0.0.1", 0))
        https, http = (place.getsockname()[1] for place in places)
    authority = folder / "pki/authorities/local/root.crt"
    config = folder / "Caddyfile"
    config.write_text(
        "{\n admin off\n skip_install_trust\n default_bind 127.0.0.1\n"
        f" https_port {https}\n http_port {http}\n storage file_system {folder}\n}}\n"
        f"import {CADDYFILE}\n"
    )
    environment = os.environ | {
        "STEMTIDE_HOST": "localhost",
        "STEMTIDE_HUB": hub.removeprefix("http://"),
        "HOME": str(folder),
    }
    command = [CADDY, "run", "--adapter", "caddyfile", "--config", config]
    log = folder / "caddy.log"
    with (
        log.open("wb") as stderr,
        subprocess.Popen(command, env=environment, stderr=stderr) as process,
    ):
        try:
            while not (authority.exists() and _answers(https)):
                assert process.poll() is None, log.read_text()[-2000:]
                time.sleep(0.05)
            yield f"https://localhost:{https}", authority
        finally:
            process.terminate()


def _answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
