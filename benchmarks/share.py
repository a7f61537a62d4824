# SPDX-License-Identifier: Apache-2.0
"""What one share costs inside the hub, beside the commit that it cannot do without.

    python -m benchmarks.share [--rounds 15]

One process, one throw-away SQLite file, no HTTP: benchmarks.hub has the whole way. Sides take turns
in short rounds, so that other work on the machine hurts all of them alike: read the ratios.

    share       writes.share of a new PDQ hash, in its transaction
    before      as it was once: numbers given out, and the same share looked for, by the ORM
    commit      one row inserted and committed: the disk's part
    look-up     whose key it is, which every call pays as well
"""

import argparse
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime

A_ROUND = 40


def timed(work: Callable[[], object]) -> float:
    """Milliseconds for one of a round."""
    began = time.perf_counter()
    for _ in range(A_ROUND):
        work()
    return (time.perf_counter() - began) * 1000 / A_ROUND


@contextmanager
def as_before():
    """Work as it was done before: numbers and the look for the same share by the ORM."""
    from django.db.models import F

    from stemtide.hub.rooms.ledger.models import Numbering
    from stemtide.hub.rooms.ledger.writes import ledger as writes
    from stemtide.hub.rooms.signals import bulk_sql as statements

    def advance(statement: str, count: int) -> int:
        column = "entries" if "entries" in statement else "positions"
        Numbering.objects.update(**{column: F(column) + count})
        return getattr(Numbering.objects.get(), column)

    with (
        replaced(writes, "_advance", advance),
        replaced(statements, "live_values", lambda values, by: list(values)),  # noqa: ARG005
    ):
        yield


@contextmanager
def replaced(module, name: str, other: Callable):
    """Have another function in the place of one."""
    ours = getattr(module, name)
    setattr(module, name, other)
    try:
        yield
    finally:
        setattr(module, name, ours)


def run(rounds: int) -> dict[str, list[float]]:
    """Times of each side, round by round."""
    from django.db import connection

    from stemtide.hub.rooms.parties.reads import parties as parties_reads
    from stemtide.hub.rooms.parties.writes import parties
    from stemtide.hub.rooms.signals.writes import signals as writes
    from stemtide.protocol.enums import Scope
    from stemtide.protocol.messages.signals import SignalIn

    now = datetime.now(UTC)
    party = parties.add_party("b", title="b", kind="authority", actor="benchmark", now=now)
    _, key = parties.new_key("b", party=party, scopes=Scope, actor="benchmark", now=now)
    plain = {"kind": "pdq", "quality": 90, "labels": ["manifesto"], "severity": "high"}

    def share() -> None:
        body = SignalIn.model_validate(plain | {"value": secrets.token_hex(32)})
        writes.share(body, by=party, now=datetime.now(UTC))

    def commit() -> None:
        connection.cursor().execute("INSERT INTO bare (value) VALUES (%s)", [secrets.token_hex(32)])

    def look_up() -> None:
        parties_reads.caller(key, now=now)

    connection.cursor().execute("CREATE TABLE bare (value TEXT)")
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, work in (("share", share), ("commit", commit), ("look-up", look_up)):
            times.setdefault(name, []).append(timed(work))
        with as_before():
            times.setdefault("before", []).append(timed(share))
    return times


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--rounds", type=int, default=15)
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="stemtide-bench-") as folder:
        os.environ["STEMTIDE_DATA_DIR"] = folder
        from stemtide.hub import boot

        boot.start()
        boot.migrate()
        times = run(options.rounds)
    share = times["share"]
    for name, each in times.items():
        ratios = [one / own for one, own in zip(each, share, strict=True)]
        print(
            f"{name:10} median {statistics.median(each):7.2f} ms   best {min(each):7.2f} ms"
            f"   {statistics.median(ratios):5.2f} x a share",
            flush=True,
        )


if __name__ == "__main__":
    main()
