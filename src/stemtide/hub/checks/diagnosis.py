# SPDX-License-Identifier: Apache-2.0
"""Check the hub's set-up: everything that goes wrong where a hub is operated."""

from collections.abc import Callable, Iterator
from datetime import datetime

from stemtide.hub.checks import custody, database, machine, standbys, surroundings
from stemtide.hub.checks.results import CheckResult, Level

Check = Callable[[], Iterator[CheckResult]]


def diagnose(*, workers: int, now: Callable[[], datetime]) -> Iterator[CheckResult]:
    """Run all checks, those of the database only if it answers. workers: of all machines.

    now: the clock, which is read anew for each check: some of them wait for others.
    """
    yield from _run(
        ("disk", machine.disk),
        ("permissions", machine.permissions),
        ("walls", machine.walls),
        ("open files", machine.open_files),
        ("switches", surroundings.switches),
        ("address", surroundings.address),
        ("proxy", lambda: surroundings.proxy(now)),
        ("mail", surroundings.mail),
        ("refused values", surroundings.refused_list),
        ("neighbours", surroundings.neighbours),
    )
    answer = database.answers()
    yield answer
    if answer.level is Level.FAIL:
        return
    yield from _run(
        ("migrations", database.migrations),
        ("clock", lambda: database.clock(now())),
        ("connections", lambda: database.connections(workers)),
        ("queries", database.queries),
        ("standbys", standbys.standbys),
        ("primaries", standbys.primaries),
        ("replica", standbys.replica),
        ("log", standbys.transparency_log),
        ("keys", lambda: custody.keys(now())),
        ("seals", lambda: custody.seals(now())),
        ("backups", lambda: custody.backups(now())),
    )


def _run(*checks: tuple[str, Check]) -> Iterator[CheckResult]:
    """Yield the results of checks; one that raises an error does not end the others."""
    for name, check in checks:
        try:
            yield from check()
        except Exception as error:  # noqa: BLE001  # the operator learns of it
            reason = " ".join(str(error).split())
            text = f"could not be checked ({type(error).__name__}: {reason})"
            yield CheckResult(name, Level.FAIL, text)
