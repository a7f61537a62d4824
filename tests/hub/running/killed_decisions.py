# SPDX-License-Identifier: Apache-2.0
"""Approve an act in processes that are killed at one statement after another.

    python -m tests.hub.running.killed_decisions {share|withdraw} STEP

STEP is 1 for every statement, 2 for every second one.
Prints what the database holds after each, as one JSON array a line. The last process lives.
"""

import json
import os
import signal
import sys


def kill_after(number: int):
    """Return a wrapper of statements that kills this process once so many were executed."""
    left = number

    def wrap(execute, sql, params, many, context):
        nonlocal left
        result = execute(sql, params, many, context)
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrap


def ask(world, act: str) -> None:
    """Share three folders, or withdraw three signals more than a day has: they wait."""
    from stemtide.hub.rooms.signals.writes import signals
    from stemtide.protocol.messages.signals import WithdrawIn
    from stemtide.protocol.trust.second_look import second_look
    from tests.world import NOON, hex_value, signal_in

    if act == "share":
        url = "https://bad.example/video/{}/"
        folders = [
            signal_in(kind="url", reach="folder", value=url.format(number)) for number in range(3)
        ]
        signals.share_many(folders, by=world.authority, now=NOON, actor_ref="key:abc")
        return
    number = second_look().ends_a_day.number + 3
    rows = [signal_in(value=hex_value(each)) for each in range(number)]
    out = signals.share_many(rows, by=world.authority, now=NOON, actor_ref="key:abc")
    body = WithdrawIn(reason="mistake")
    for row in out.signals:
        signals.withdraw(row.id, body=body, by=world.authority, now=NOON, actor_ref="key:abc")


def decide(world) -> None:
    """Approve what waits."""
    from stemtide.hub.rooms.approvals.models import Approval
    from stemtide.hub.rooms.approvals.writes import approvals as writes
    from stemtide.protocol.approvals import ApproveIn
    from tests.world import NOON

    by = world.actor(world.agency, role="coordinator", ref="person:9")
    writes.approve(Approval.objects.get().uid, body=ApproveIn(count=3), by=by, now=NOON)


def state() -> list[object]:
    """Return the act's state, the signals that are live and that wait, and the ledger's entries."""
    from stemtide.hub.rooms.approvals.models import AffectedSignal, Approval, WaitingSignal
    from stemtide.hub.rooms.ledger.models import Entry
    from stemtide.hub.rooms.signals.models import Signal

    waiting = WaitingSignal.objects.filter(is_open=True).count()
    waiting += AffectedSignal.objects.filter(is_open=True).count()
    live = Signal.objects.filter(state="live").count()
    return [Approval.objects.get().state, live, waiting, Entry.objects.count()]


def main(act: str, step: int) -> None:
    """Ask for a second look, and approve it until a process lives."""
    from stemtide.hub import boot

    boot.start()
    boot.migrate()
    from django.db import connections

    from tests.world import make_world

    world = make_world()
    ask(world, act)
    statement, is_killed = 0, True
    while is_killed:
        print(json.dumps(state()), flush=True)
        statement += step
        connections.close_all()
        child = os.fork()
        if not child:
            with connections["default"].execute_wrapper(kill_after(statement)):
                decide(world)
            os._exit(0)
        is_killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    print(json.dumps(state()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
