# SPDX-License-Identifier: Apache-2.0
"""What shadows and the journal of decisions cost: python -m benchmarks.shadow [--lookups 40000].

One agent without a network looks up fingerprints, of which one in 20 is known: half of it shared
by an authority, half by one provider. It does so without shadows, then with three (rules, parties,
a whole policy), each time from an empty file; processor time a look-up. Then another policy is
tried on the last journal, and what it says is printed.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

from stemtide.agent.config.policy import DEFAULT_RULES, Policies, Policy, Rule, Shadow
from stemtide.agent.config.settings import Config
from stemtide.agent.counters import Counters
from stemtide.agent.recognise.decisions import try_policy
from stemtide.agent.recognise.pipeline import Recogniser, SubmittedContent
from stemtide.agent.recognise.recent import RecentUploads
from stemtide.agent.store.database import Store
from stemtide.agent.store.position import Origin
from stemtide.agent.store.rows import signal_row
from stemtide.fingerprints.kinds import Fingerprint, Fingerprints, Kind
from stemtide.protocol.enums import Action
from stemtide.protocol.sync.feed import FeedParty, FeedSignal

SIGNALS, KNOWN_IN, BATCH = 2000, 20, 50
SHARERS = {"authority-1": "authority", "provider-1": "provider"}
STRICT = Policy((Rule("one is enough", Action.BLOCK, min_parties=1), *DEFAULT_RULES))
SHADOWS = {
    Shadow.RULES: STRICT,
    Shadow.PARTIES: Policy(parties=frozenset({"provider-1"})),
    Shadow.POLICY: Policy((Rule("rest", Action.HOLD),)),
}


def signals(values: Sequence[bytes]) -> list[FeedSignal]:
    """Return a signal for each value, by the sharers in turn."""
    facts = {
        "kind": "sha256",
        "quality": None,
        "within_bits": None,
        "content": None,
        "labels": ["perpetrator-content"],
        "severity": "critical",
        "confidence": 95,
        "provenance": "perpetrator",
        "tlp": "amber",
        "pap": "green",
        "disputed": False,
        "crisis": None,
        "exercise": False,
        "expires_at": None,
        "shared_at": datetime.now(UTC),
    }
    names = [*SHARERS]
    return [
        FeedSignal.model_validate(
            facts
            | {"id": UUID(int=number), "position": number, "value": value.hex()}
            | {"shared_by": names[number % len(names)]}
        )
        for number, value in enumerate(values)
    ]


def open_store(folder: Path, values: Sequence[bytes]) -> Store:
    """Return an agent's file with these signals."""
    store = Store(folder)
    incoming = store.begin_incoming()
    rows = [signal_row(signal, signal.model_dump_json()) for signal in signals(values)]
    store.add_incoming(incoming, rows)
    store.adopt_incoming(
        incoming,
        origin=Origin(str(uuid4()), "own", exercise=False),
        position=len(values),
        parties=[
            FeedParty.model_validate(
                {"position": 1, "name": name, "kind": kind, "standing": "member"}
            )
            for name, kind in SHARERS.items()
        ],
        now=datetime.now(UTC),
        alongside=lambda _tx, _library: None,
    )
    return store


def look_up(folder: Path, policies: Policies, *, lookups: int) -> float:
    """Look up in batches and return the processor time in seconds."""
    chosen = random.Random(7)  # noqa: S311  # the same uploads each time
    values = [chosen.randbytes(32) for _ in range(SIGNALS)]
    config = Config("bench", "http://127.0.0.1:1", folder / "data", "k", policies=policies)
    config.data_dir.mkdir(parents=True)
    uploads = [
        values[number // KNOWN_IN % SIGNALS] if number % KNOWN_IN == 0 else chosen.randbytes(32)
        for number in range(lookups)
    ]
    items = [
        SubmittedContent(
            f"upload-{number}", fingerprints=Fingerprints((Fingerprint(Kind.SHA256, value),))
        )
        for number, value in enumerate(uploads)
    ]
    with open_store(config.data_dir, values) as store:
        recogniser = Recogniser(
            config=config,
            store=store,
            counters=Counters(),
            sandbox=None,
            wake=lambda: None,
            recent=RecentUploads(),
            on_matches=lambda _: None,
        )

        async def send() -> None:
            for start in range(0, lookups, BATCH):
                await recogniser.recognise(items[start : start + BATCH])

        began = time.process_time()
        asyncio.run(send())
        took_s = time.process_time() - began
        recogniser.close()
    return took_s


def main() -> None:
    """Measure, and print what another policy would have done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lookups", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    plain = Policies()
    shadowed = replace(plain, shadows=SHADOWS)
    for name, policies in (("no shadow", plain), ("three shadows", shadowed)):
        times = []
        for _ in range(asked.rounds):
            with tempfile.TemporaryDirectory(prefix="stemtide-") as folder:
                times.append(look_up(Path(folder), policies, lookups=asked.lookups))
                if policies is shadowed and len(times) == asked.rounds:
                    _try(Path(folder) / "data")
        micros = min(times) / asked.lookups * 1e6
        print(f"{name:14} {micros:8.1f} µs of processor time a look-up (best of {asked.rounds})")


def _try(data_dir: Path) -> None:
    """Try the strict policy on what was decided."""
    began = time.process_time()
    trial = try_policy(data_dir, STRICT, in_force=Policy(), since=datetime(2020, 1, 1, tzinfo=UTC))
    took_s = time.process_time() - began
    print(
        f"tried: {trial.lookups:,} look-ups, {trial.decisions:,} matched, done {dict(trial.done)},"
        f" would {dict(trial.would)}, {len(trial.differences):,} differ; {took_s:.2f} s"
    )


if __name__ == "__main__":
    main()
