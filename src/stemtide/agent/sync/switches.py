# SPDX-License-Identifier: Apache-2.0
"""Switch a signal of the hub off at this agent alone, and take items of own banks out.

1 The matches of a signal that is switched off only log. Earlier actions that leaned on it are
  judged again, as if the own party disputed it; what a person blocked stays blocked.
2 The hub gets no reason: its counts say that uploads were
  reversed, and that later ones are only logged. A dispute is another act, meant for everybody.
3 Switched on again it acts on new uploads. What was released is not taken back.
4 An item leaves a bank for many reasons. What it held or blocked is released only if somebody says
  so, and nothing else stops it; what a person blocked is held again, as after a withdrawal.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from stemtide.agent.config.settings import Config
from stemtide.agent.hma import rows
from stemtide.agent.recognise.own_list import ReleasesError
from stemtide.agent.store import own_banks, own_list, switched_off
from stemtide.agent.store.database import Store, Transaction
from stemtide.agent.store.parties import read_parties
from stemtide.agent.sync.undo import SignalChange, Undoing


def switch_off(
    store: Store,
    signal_id: str,
    *,
    why: str,
    by: str,
    config: Config,
    now: datetime,
    may_release: bool,
) -> int | None:
    """Switch a signal off; return how many actions changed, None if the agent does not have it.

    raises: ReleasesError unless may_release, if any would change.
    """
    with store.write() as tx:
        if not store.find_ids([signal_id], tx=tx):
            return None
        switched_off.put_switch(tx, signal_id, why=why, by=by, now=now)
        present = store.find_ids([signal_id], tx=tx)
        text = f"signal {signal_id} was switched off at this agent: {why}"
        changes = [SignalChange(signal_id, present[signal_id], text)]
        changed = _judge_again(tx, changes, store=store, config=config, now=now)
        if changed and not may_release:
            raise ReleasesError(changed)
        rows.update_wanted(tx, present.values(), {}, store=store, config=config)
    return changed


def switch_on(store: Store, signal_id: str, *, config: Config) -> bool:
    """Switch a signal on again, for new uploads; return whether it was off."""
    with store.write() as tx:
        if not switched_off.remove_switch(tx, signal_id):
            return False
        present = store.find_ids([signal_id], tx=tx)
        rows.update_wanted(tx, present.values(), {}, store=store, config=config)
    return True


def end_item(
    store: Store,
    bank: str,
    uid: str,
    *,
    by: str,
    why: str,
    config: Config,
    now: datetime,
    releases: bool,
) -> int | None:
    """Take an item out of an own bank; return how many actions changed, None if it was not in it.

    releases: whether to release uploads that it alone held or blocked.
    """
    changed = 0
    with store.write() as tx:
        if not own_list.end_entry(tx, uid, by=by, why=why, now=now, bank=bank):
            return None
        if releases:
            changed = _release(tx, [uid], bank, store=store, config=config, now=now)
    store.follow_own()
    return changed


def end_bank(
    store: Store, name: str, *, by: str, config: Config, now: datetime, releases: bool
) -> int | None:
    """Delete an own bank with its items; return as end_item does."""
    changed = 0
    with store.write() as tx:
        if not own_banks.end_bank(tx, name, by=by, now=now):
            return None
        if releases:
            ids = [uid for (uid,) in tx.execute(own_banks.ACTED_ITEMS, (name,))]
            changed = _release(tx, ids, name, store=store, config=config, now=now)
    store.follow_own()
    return changed


def _release(
    tx: Transaction,
    ids: Iterable[str],
    bank: str,
    *,
    store: Store,
    config: Config,
    now: datetime,
) -> int:
    """Release uploads that items of an own bank alone stop."""
    changes = [
        SignalChange(uid, None, f"item {uid} left own bank {bank}", is_withdrawn=True)
        for uid in ids
    ]
    return _judge_again(tx, changes, store=store, config=config, now=now)


def _judge_again(
    tx: Transaction,
    changes: Sequence[SignalChange],
    *,
    store: Store,
    config: Config,
    now: datetime,
) -> int:
    own = store.origin.party if store.origin else ""
    return Undoing(
        tx,
        store,
        config,
        now=now,
        parties=read_parties(tx, None, own=own),
        changes=changes,
        library=store.library,
    ).run()
