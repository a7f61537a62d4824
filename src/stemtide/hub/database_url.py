# SPDX-License-Identifier: Apache-2.0
"""Read the address of the hub's database, with one host or several.

Of several PostgreSQL hosts, one takes writes, and the others are standbys. Each new connection goes
to the first that takes writes, so that processes follow when a standby is promoted.
"""

from typing import Any
from urllib.parse import SplitResult, urlsplit

import dj_database_url

_PORT = "5432"
_DJANGOS = "django.db.backends.postgresql"
_OURS = "stemtide.hub.platform.postgresql"

OPTIONS_OF_SEVERAL: dict[str, Any] = {
    "target_session_attrs": "read-write",
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""libpq's parameters for several hosts: a host that vanished is given up after about 10 seconds.

The address may set others. source: PostgreSQL's documentation, section 34.1.2.
"""

OPTIONS_OF_REPLICA = OPTIONS_OF_SEVERAL | {"connect_timeout": 2, "tcp_user_timeout": 3_000}
"""libpq's parameters for the replica: no request waits long for one that vanished."""

READ_OF_REPLICA_S = 15
"""Seconds after which a page, a part of an export or a count that reads the replica is cut off."""


def read_database_url(url: str) -> "dj_database_url.DBConfig":
    """Return Django's settings of a database. raises: ValueError."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return _parse(url)
    places = [urlsplit(f"//{host}") for host in hosts.split(",")]
    if not all(place.hostname for place in places):
        raise ValueError("a host has no name")
    database = _parse(parts._replace(netloc=f"{user}{at}{places[0].netloc}").geturl())
    database["HOST"] = ",".join(str(place.hostname) for place in places)
    database["PORT"] = ",".join(_port(place) for place in places)
    database["OPTIONS"] = OPTIONS_OF_SEVERAL | database.get("OPTIONS", {})
    return database


def _parse(url: str) -> "dj_database_url.DBConfig":
    """Return the settings of a database on one host. raises: ValueError."""
    database = dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True)
    if database["ENGINE"] == _DJANGOS:
        database["ENGINE"] = _OURS
    return database


def _port(place: SplitResult) -> str:
    """Return the port of a host. raises: ValueError."""
    return str(place.port) if place.port else _PORT
