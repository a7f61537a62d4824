# SPDX-License-Identifier: Apache-2.0
"""Start the hub in this process: Django, migrations, server, scheduler."""

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

from stemtide.fingerprints.limits import SandboxError
from stemtide.fingerprints.sandbox.lockdown import available_walls
from stemtide.fingerprints.sandbox.walls import missing_walls, refusal
from stemtide.traces import spans

log = logging.getLogger(__name__)

DRAIN_S = 3
"""Seconds that running requests get to finish when the process stops."""

TCP_TIMEOUT_MS = 120_000
"""Milliseconds that sent data may stay unacknowledged (TCP) before the peer counts as gone."""

MAX_OPEN_FILES = 65_536
"""Open files that the hub asks the system for: each stream and connection is one."""

KEEP_ALIVE_S = 30
"""Seconds that an idle connection is kept: agents report every 8 s and read the feed every 20 s."""

_BACKLOG = 2048
_OBJECTS_BETWEEN_SEARCHES = 20_000  # a bulk has ten objects a signal, and no cycles


def start() -> None:
    """Set up Django. Safe to call twice."""
    import django  # noqa: PLC0415  # the caller sets STEMTIDE_… first

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stemtide.hub.settings")
    django.setup()


def migrate() -> None:
    """Create or update the tables of the configured database, one process at a time.

    raises: OSError, django.db.Error.
    """
    from django.core.management import call_command  # noqa: PLC0415  # needs start() first
    from django.db import connection  # noqa: PLC0415

    from stemtide.hub import first_tables  # noqa: PLC0415
    from stemtide.hub.migration_lock import migration_lock  # noqa: PLC0415

    with migration_lock():
        if first_tables.is_empty(connection):
            first_tables.create_tables(connection)
        call_command("migrate", interactive=False, verbosity=0)
        if connection.vendor == "sqlite":
            # The write-ahead log still has in clear what a migration has encrypted.
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def prepare() -> None:
    """Set up Django and the tables; refuse to start with keys or walls that are not right.

    raises: OSError, django.db.Error, OtherKeyError, KeyFileError, SealFileError, SigningKeyError,
            SandboxError, TracesError.
    """
    spans.check()
    start()
    migrate()
    _check_keys()
    _check_walls()
    _allow_many_files()


def serve(host: str, port: int, ready: Callable[[str], None]) -> None:
    """Run the hub until SIGTERM or SIGINT: migrations, scheduler, then the server.

    port: 0 takes a free one. ready is called with the address once the server listens.

    raises: OSError if the address cannot be listened on; OtherKeyError, KeyFileError,
            SealFileError, SigningKeyError, SandboxError, TracesError.
    """
    prepare()
    import uvicorn  # noqa: PLC0415  # only `serve` needs it

    from stemtide.hub.asgi import application  # noqa: PLC0415  # needs start() first
    from stemtide.hub.notifier import notifier  # noqa: PLC0415

    class Server(uvicorn.Server):
        """uvicorn that reports when it listens, and closes streams before it waits for them."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            """Start to listen."""
            await super().startup(sockets)
            ready(address_of(listening, host=host))

        def handle_exit(self, sig: int, frame: object) -> None:
            """Start to stop: close the streams first."""
            notifier.close()
            super().handle_exit(sig, frame)  # type: ignore[arg-type]  # a frame, as it came

    config = uvicorn.Config(application, **server_options())
    with listen(host, port) as listening, _signals_end_in_order(), background_threads():
        Server(config).run(sockets=[listening])


@contextmanager
def background_threads() -> Iterator[None]:
    """Run the scheduler and the health checks beside the server."""
    from django.conf import settings  # noqa: PLC0415  # needs start() first

    from stemtide.hub.notifier import notifier  # noqa: PLC0415
    from stemtide.hub.platform.roles import Role  # noqa: PLC0415
    from stemtide.hub.scheduler import Scheduler  # noqa: PLC0415  # needs start() first
    from stemtide.hub.vitals import vitals  # noqa: PLC0415
    from stemtide.hub.wire.positions import positions  # noqa: PLC0415
    from stemtide.hub.wire.presence import presence  # noqa: PLC0415

    clock = Scheduler() if Role.SCHEDULER in settings.ROLES else None
    if clock is not None:
        clock.start()
    vitals.start()
    spans.start("stemtide-hub")
    _warm_up()
    freeze_loaded_code()
    try:
        yield
    finally:
        notifier.close()
        presence.stop()
        positions.stop()
        vitals.stop()
        if clock is not None:
            clock.stop()
        spans.stop()


def _warm_up() -> None:
    """Load what the first share would wait for. Without a database the first share loads it."""
    from django.db import Error, connection  # noqa: PLC0415  # needs start() first

    from stemtide.hub.rooms.signals.reads.sharing import breadth  # noqa: PLC0415

    try:
        breadth.warm_up()
    except Error as error:
        log.warning("the sample of pictures is not read yet: %s", error)
    finally:
        connection.close()


def server_options() -> dict[str, Any]:
    """Return the options of uvicorn."""
    return _proxy_options() | {
        "access_log": False,
        "log_config": None,  # Django's
        "lifespan": "off",
        "server_header": False,
        "timeout_graceful_shutdown": DRAIN_S,
        "timeout_keep_alive": KEEP_ALIVE_S,
    }


def _proxy_options() -> dict[str, Any]:
    """Let uvicorn believe no proxy, whatever FORWARDED_ALLOW_IPS says; warn if none is known."""
    from django.conf import settings  # noqa: PLC0415  # needs start() first

    if not settings.NETWORKS_ARE_KNOWN:
        log.warning(
            "STEMTIDE_HTTPS says that a proxy stands in front, and STEMTIDE_TRUSTED_PROXIES names"
            " none: wrong sign-ins count for accounts alone, not for the networks they come from"
        )
    return {"proxy_headers": False}  # hub.asgi reads them


def freeze_loaded_code() -> None:
    """Exclude code and settings from garbage collection, which stops all threads, and collect less.

    Django imports the views with the first request: without the import here, the garbage collector
    would search them for ever.
    """
    from django.conf import settings  # noqa: PLC0415  # needs start() first

    import_module(settings.ROOT_URLCONF)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_SEARCHES)


def _check_keys() -> None:
    """Refuse to start with keys and lists that are unusable or not this hub's.

    raises: OtherKeyError, KeyFileError, SealFileError, SigningKeyError, AuthorityDataError,
            RefusedValuesError.
    """
    from stemtide.hub import host_keys  # noqa: PLC0415  # needs start() first

    now = datetime.now(UTC)
    host_keys.record(actor="operator", now=now)
    from stemtide.hub.platform.documents import party_seals, timestamps  # noqa: PLC0415

    party_seals.own_seals(now)  # the list must be readable; a single key that is not is logged
    timestamps.trusted_authorities()
    from stemtide.hub.rooms.parties.reads import authorities  # noqa: PLC0415

    authorities.published_authorities()
    from stemtide.hub.rooms.signals.refused_values import refused_values  # noqa: PLC0415

    refused_values.current()


def _check_walls() -> None:
    """Refuse to start where pictures and documents would be read without a wall around them.

    raises: SandboxError.
    """
    from django.conf import settings  # noqa: PLC0415  # needs start() first

    standing, accepted = available_walls(), settings.ACCEPT_MISSING_WALLS
    if reason := refusal(standing, accepted=accepted):
        raise SandboxError(f"STEMTIDE_ACCEPT_MISSING_WALLS {reason}")
    if missing := missing_walls(standing):
        log.warning("decoders run without these walls: %s", ", ".join(missing))


def _allow_many_files() -> None:
    """Raise the limit of open files as far as the system allows, up to MOST_FILES."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < target:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))


def listen(host: str, port: int, *, is_one_of_many: bool = False) -> socket.socket:
    """Return a socket that listens on an address, IPv4 or IPv6.

    is_one_of_many: the kernel spreads connections over all such sockets of the address.
    """
    family, kind, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_one_of_many:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; accepted connections inherit it
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TCP_TIMEOUT_MS)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.set_inheritable(True)
    return listener


def address_of(listening: socket.socket, *, host: str) -> str:
    """Return the listening address as a URL."""
    port = listening.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _signals_end_in_order() -> Iterator[None]:
    """Let the process end in order after a signal: uvicorn raises it again when it is done."""
    before = {
        number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
