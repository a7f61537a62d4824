# SPDX-License-Identifier: Apache-2.0
"""Bring the hub's code up inside a process: settings, apps, tables."""

import gc
import logging
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

log = logging.getLogger(__name__)

DRAIN_S = 3
"""How long answers under way may take to finish once the process is told to stop."""

GONE_MS = 120_000
"""How long what was sent may stay unacknowledged before its reader counts as gone."""

MOST_FILES = 65_536
"""Files that a hub asks the system for: each stream and each connection is one."""

_BACKLOG = 2048


def start() -> None:
    """Make Django ready. Safe to call twice."""
    import django  # noqa: PLC0415  # the caller sets STEMTIDE_… first

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stemtide.hub.settings")
    django.setup()


def migrate() -> None:
    """Make or update the tables of the configured database, one process at a time.

    raises: OSError, django.db.Error.
    """
    from django.core.management import call_command  # noqa: PLC0415  # needs start() first
    from django.db import connection  # noqa: PLC0415

    from stemtide.hub.migration_lock import migration_lock  # noqa: PLC0415

    with migration_lock():
        call_command("migrate", interactive=False, verbosity=0)
        if connection.vendor == "sqlite":
            # What a migration encrypted still stands in clear in the log of earlier writes.
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def serve(host: str, port: int, ready: Callable[[str], None]) -> None:
    """Run the hub until SIGTERM or SIGINT: tables, clock, then the server.

    port: 0 takes a free one. ready is called with the address once it listens.

    raises: OSError where the address cannot be listened on; OtherKeyError, KeyFileError,
            SealFileError, SigningKeyError.
    """
    start()
    migrate()
    _check_keys()
    _allow_many_files()
    import uvicorn  # noqa: PLC0415  # needed by nobody who does not serve

    from stemtide.hub.asgi import application  # noqa: PLC0415  # needs start() first
    from stemtide.hub.wake import wakes  # noqa: PLC0415

    class Server(uvicorn.Server):
        """uvicorn, which says when it listens and ends the streams before it waits for them."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            """Begin to listen."""
            await super().startup(sockets)
            ready(_address(listening, host=host))

        def handle_exit(self, sig: int, frame: object) -> None:
            """Begin to stop."""
            wakes.close()
            super().handle_exit(sig, frame)  # type: ignore[arg-type]  # a frame, as it came

    config = uvicorn.Config(application, **_options())
    with _listen(host, port) as listening, _stopping_is_no_failure(), _beside_answers():
        Server(config).run(sockets=[listening])


@contextmanager
def _beside_answers() -> Iterator[None]:
    """Run what a hub does beside answering: its clock, and the look at its own state."""
    from stemtide.hub.clock import Clock  # noqa: PLC0415  # needs start() first
    from stemtide.hub.vitals import vitals  # noqa: PLC0415
    from stemtide.hub.wake import wakes  # noqa: PLC0415

    clock = Clock()
    clock.start()
    vitals.start()
    keep_what_is_there()
    try:
        yield
    finally:
        wakes.close()
        vitals.stop()
        clock.stop()


def _options() -> dict[str, Any]:
    """Return how uvicorn serves the hub."""
    return _believed() | {
        "access_log": False,
        "log_config": None,  # Django's
        "lifespan": "off",
        "server_header": False,
        "timeout_graceful_shutdown": DRAIN_S,
    }


def _believed() -> dict[str, Any]:
    """Return what uvicorn believes of proxies, instead of FORWARDED_ALLOW_IPS and its default."""
    from django.conf import settings  # noqa: PLC0415  # needs start() first

    if not settings.NETWORKS_ARE_KNOWN:
        log.warning(
            "STEMTIDE_HTTPS says that a proxy stands in front, and STEMTIDE_TRUSTED_PROXIES names"
            " none: wrong sign-ins count for accounts alone, not for the networks they come from"
        )
    proxies = list(settings.TRUSTED_PROXIES)
    return {"proxy_headers": bool(proxies), "forwarded_allow_ips": proxies}


def keep_what_is_there() -> None:
    """Leave code and settings out of the search for waste, which stops all threads meanwhile.

    Django loads what answers with the first request: then it would be searched for ever.
    """
    from django.conf import settings  # noqa: PLC0415  # needs start() first

    import_module(settings.ROOT_URLCONF)
    gc.collect()
    gc.freeze()


def _check_keys() -> None:
    """Refuse to begin with keys that seal or sign nothing, or that are not this hub's.

    raises: OtherKeyError, KeyFileError, SealFileError, SigningKeyError.
    """
    from stemtide.hub import host_keys  # noqa: PLC0415  # needs start() first

    host_keys.record(by="operator", now=datetime.now(UTC))


def _allow_many_files() -> None:
    """Let the process open as many files as the system allows it, up to MOST_FILES."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens on an address, IPv4 or IPv6."""
    family, kind, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    made = socket.socket(family, kind)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; accepted connections inherit it
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, GONE_MS)
        made.bind(address)
        made.listen(_BACKLOG)
    except OSError:
        made.close()
        raise
    made.set_inheritable(True)
    return made


def _address(listening: socket.socket, *, host: str) -> str:
    """The address as others write it."""
    port = listening.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _stopping_is_no_failure() -> Iterator[None]:
    """Let the process end in order after a signal: uvicorn raises it once more when it is done."""
    before = {one: signal.signal(one, lambda *_: None) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
