# SPDX-License-Identifier: Apache-2.0
"""An nginx in front of a hub, with the files of deploy/nginx; and where it is on this machine."""

import contextlib
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
FILES = Path(__file__).parents[1] / "deploy/nginx"

_FRAME = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {servers}
}}
"""


def nginx_is_installed():
    """Whether there is an nginx to start."""
    return NGINX is not None


@contextlib.contextmanager
def running(folder, *, hub, certificate, key):
    """nginx with both files of deploy/nginx in front of a hub.

    Gives the address for people and the one that asks for certificates. certificate, key: its own.
    """
    with contextlib.ExitStack() as stack:
        places = [stack.enter_context(socket.socket()) for _ in range(2)]
        for place in places:
            place.bind(("127.0.0.1", 0))
        ports = [place.getsockname()[1] for place in places]
    text = "".join(file.read_text("utf-8") for file in sorted(FILES.glob("stemtide-[ch]*.conf")))
    text = re.sub(r"listen \[::\]:.*", "", text)
    text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{ports[0]} ssl")
    text = text.replace("listen 8443 ssl", f"listen 127.0.0.1:{ports[1]} ssl")
    text = text.replace("hub.example.eu;", "localhost;").replace("http://127.0.0.1:8100", hub)
    text = re.sub(r"/etc/ssl/private/[\w.]+\.key", str(key), text)
    text = re.sub(r"/etc/ssl/[\w.]+\.pem", str(certificate), text)
    (folder / "nginx.conf").write_text(_FRAME.format(folder=folder, servers=text))
    command = [NGINX, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with subprocess.Popen(command) as process:
        try:
            while not all(map(_answers, ports)):
                assert process.poll() is None
                time.sleep(0.05)
            yield tuple(f"https://localhost:{port}" for port in ports)
        finally:
            process.terminate()


def _answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
