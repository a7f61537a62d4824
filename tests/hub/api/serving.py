# SPDX-License-Identifier: Apache-2.0
"""A real hub with the cast in it: the program `hub-with-cast` of `tests.forks`.

Prints one line of JSON with a key for each party, then the address. Reads orders from stdin:
"revoke PREFIX", "bound PARTY FINGERPRINT" (which prints a key with a client certificate),
"crash the next feed", "key PARTY SCOPE…" (which prints one more, by default with
all scopes), "suspend PARTY", "hold-searches" and "release-searches".
"""

import json
import os
import sys
import threading
import traceback
from datetime import UTC, datetime

from stemtide.hub import boot


def obey() -> None:
    from stemtide.hub.rooms.parties.writes import parties as writes
    from stemtide.hub.rooms.signals.reads import signals as reads
    from stemtide.hub.rooms.signals.reads.caches.pictures import pictures

    for line in sys.stdin:
        verb, _, rest = line.strip().partition(" ")
        if verb == "revoke":
            writes.revoke_key(rest, actor="operator", now=datetime.now(UTC))
        elif verb == "crash":

            def crash(*_: object, **__: object) -> None:
                raise RuntimeError("a secret of the hub's own")

            reads.feed = crash
        elif verb == "suspend":
            _suspend(rest)
        elif verb == "hold-searches":
            pictures._lock.acquire()
        elif verb == "release-searches":
            pictures._lock.release()
        elif verb == "bound":
            name, certificate = rest.split()
            print(_another_key(name, certificate=certificate), flush=True)
            continue
        elif verb == "key":
            print(_another_key(rest), flush=True)
            continue
        print("done", flush=True)


def _wait_long_for_locks() -> None:
    """Let a write wait longer for SQLite's lock than any test holds it."""
    from django.conf import settings
    from django.db import connection

    if connection.vendor == "sqlite":
        settings.DATABASES["default"]["OPTIONS"]["timeout"] = 600
        connection.close()


def obey_or_end() -> None:
    """Obey; end the process at an order that fails, or the test would wait for its answer."""
    has_obeyed = False
    try:
        obey()
        has_obeyed = True
    finally:
        if not has_obeyed:
            traceback.print_exc()
            os._exit(1)


def _suspend(name: str) -> None:
    from stemtide.hub.rooms.parties.reads import parties as reads
    from tests.world import suspend

    suspend(reads.party(name), agency=reads.party("eu-referral-unit"))


def _another_key(words: str, *, certificate: str = "") -> str:
    from stemtide.hub.rooms.parties.reads import parties as reads
    from stemtide.hub.rooms.parties.writes import parties as writes
    from stemtide.protocol.enums import Scope

    now = datetime.now(UTC)
    name, *scopes = words.split()
    party = reads.party(name)
    facts = {"party": party, "scopes": scopes or list(Scope), "actor": "operator", "now": now}
    facts["certificate"] = certificate
    return writes.new_key(f"another {now.timestamp()}", **facts)[1]


def main() -> None:
    boot.start()
    _wait_long_for_locks()
    boot.migrate()
    from stemtide.hub.rooms.stix.writes import builder
    from stemtide.hub.wire import pings
    from stemtide.protocol import slow_bodies
    from tests.world import make_world

    pings.PING_S = float(os.environ.get("STEMTIDE_TEST_PING_S", "3"))
    slow_bodies.GRACE_S = float(os.environ.get("STEMTIDE_TEST_GRACE_S", "30"))
    world = make_world()
    while builder.follow_ledger(datetime.now(UTC)):
        pass  # or the scheduler moves the feed while the first test looks at it
    print(json.dumps({party.name: world.key(party) for party in world.everyone}), flush=True)
    threading.Thread(target=obey_or_end, daemon=True).start()
    boot.serve("127.0.0.1", 0, ready=lambda address: print(address, flush=True))
