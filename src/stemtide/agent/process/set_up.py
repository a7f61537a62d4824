# SPDX-License-Identifier: Apache-2.0
"""Serve the set-up pages until one person has answered them, before the agent starts."""

import secrets
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from stemtide.agent.http.review.set_up import PATH, SetUpPages
from stemtide.agent.process.worker import AnnouncingServer
from stemtide.private_files import close_umask

PORT = 8471
"""The port that an agent has by default; the set-up takes another one if it is in use."""

_HOST = "127.0.0.1"


def serve_set_up(file: Path, *, announce: Callable[[str], None]) -> bool:
    """Serve the pages that write an agent.toml; return whether it was written.

    announce: called with the link once the pages answer.
    """
    close_umask()
    token = secrets.token_urlsafe(32)
    with _bind() as listener:
        port = listener.getsockname()[1]
        pages = SetUpPages(file=file, port=port, token=token, stop=lambda: _stop(server))
        settings = uvicorn.Config(
            pages.app(), log_config=None, access_log=False, lifespan="off", server_header=False
        )
        server = AnnouncingServer(
            settings, on_start=lambda: announce(f"http://{_HOST}:{port}{PATH}/{token}")
        )
        server.run([listener])
    return file.exists()


def _stop(server: uvicorn.Server) -> None:
    server.should_exit = True


def _bind() -> socket.socket:
    try:
        return socket.create_server((_HOST, PORT))
    except OSError:
        return socket.create_server((_HOST, 0))
