# SPDX-License-Identifier: Apache-2.0
"""Judge the actions again that leaned on parties whose word counts for less, some in each step.

1 The transaction that stores the parties' new standing also stores that this work is owed.
2 A step is one transaction: it judges at most STEP actions and stores how far it came, so that an
  agent that was killed goes on from there.
3 Uploads are decided between the steps, by the new standing.
"""

import json
from collections.abc import Mapping

from stemtide.agent.store.database import Store, Transaction
from stemtide.agent.store.position import set_state
from stemtide.agent.sync.undo import SignalChange
from stemtide.protocol.sync.feed import FeedSignal

STEP = 500
"""Maximum actions that are judged in one transaction: about 80 ms of processor time."""

_OWED = "SELECT value FROM state WHERE name = 'weakened' AND value != ''"
_NEXT = (
    "SELECT acted.signal, acted.ref, signals.body FROM acted JOIN signals ON signals.id ="
    " acted.signal WHERE (acted.signal, acted.ref) > (?, ?) AND ({any_name})"
    " ORDER BY acted.signal, acted.ref LIMIT ?"
)


def owe(tx: Transaction, weakened: Mapping[str, str]) -> None:
    """Store that the actions of some parties must be judged again, from the first one.

    weakened: as weakened_parties returns it.
    """
    if weakened:
        row = tx.execute(_OWED).fetchone()
        before = json.loads(row[0])["parties"] if row else {}
        _store(tx, parties=before | dict(weakened), after=("", ""))


def is_owed(store: Store) -> bool:
    """Whether actions wait to be judged again."""
    return bool(store.read(_OWED))


def next_step(tx: Transaction) -> list[SignalChange]:
    """Return the next signals whose actions must be judged again, and store that they were."""
    row = tx.execute(_OWED).fetchone()
    if row is None:
        return []
    owed = json.loads(row[0])
    parties: dict[str, str] = owed["parties"]
    any_name = " OR ".join(["instr(signals.body, ?) > 0"] * len(parties))
    names = [json.dumps(name, ensure_ascii=False) for name in parties]
    rows = tx.execute(_NEXT.format(any_name=any_name), (*owed["after"], *names, STEP)).fetchall()
    if len(rows) < STEP:
        set_state(tx, weakened="")
    else:
        _store(tx, parties=parties, after=rows[-1][:2])
    refs: dict[str, list[str]] = {}
    bodies = {}
    for signal, ref, body in rows:
        refs.setdefault(signal, []).append(ref)
        bodies[signal] = body
    signals = {uid: FeedSignal.model_validate_json(body) for uid, body in bodies.items()}
    return [
        SignalChange(uid, signal, why, may_release=False, refs=tuple(refs[uid]))
        for uid, signal in signals.items()
        if (why := _why(signal, parties))
    ]


def _why(signal: FeedSignal, parties: Mapping[str, str]) -> str:
    """Return why a signal leads to less than before; "" if none of the parties supports it."""
    behind = (name for name in (signal.shared_by, *signal.confirmed_by) if name in parties)
    return next((parties[name] for name in behind), "")


def _store(tx: Transaction, *, parties: Mapping[str, str], after: tuple[str, str]) -> None:
    """Store the changes that are owed. after: the signal and the content that were judged last."""
    set_state(tx, weakened=json.dumps({"parties": parties, "after": after}))
