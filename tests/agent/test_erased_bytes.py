# SPDX-License-Identifier: Apache-2.0
"""An agent forgets a signal that ended: no byte of its files has the value any more."""

import sqlite3
from contextlib import closing

import pytest

from stemtide.protocol.enums import SignalState
from tests.agent.world import agent_of, sha256
from tests.rounds import rounds

COUNT = rounds(60, nightly=1000)


def traces(folder, values):
    """Which values are in a file of the agent, as text or as bytes."""
    content = b"\n".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    forms = {value: (value.encode(), bytes.fromhex(value)) for value in values}
    return {value for value in values if any(form in content for form in forms[value])}


def test_an_agent_keeps_no_byte_of_signals_that_ended(hub, config, sandbox):
    stays = sha256(b"stays")
    hub.share(stays)
    signals = [hub.share(sha256(b"%d" % number)) for number in range(COUNT)]
    values = [signal.value for signal in signals]
    with agent_of(config, sandbox) as agent:
        agent.wait(position=hub.head, ready=True)
    assert traces(config.data_dir, [stays, *values]) == {stays, *values}
    with agent_of(config, sandbox) as agent:
        for signal in signals:
            hub.withdraw(signal, state=SignalState.EXPIRED)
        agent.wait(position=hub.head)
        assert agent.match(b"stays")["matches"]
        assert not agent.match(b"1")["matches"]
    assert traces(config.data_dir, [stays, *values]) == {stays}


@pytest.mark.nightly
def test_a_start_overwrites_what_an_older_agent_deleted(hub, config, sandbox):
    """As an agent left it whose SQLite does not overwrite by itself."""
    stays = hub.share(sha256(b"stays")).value
    with agent_of(config, sandbox) as agent:
        agent.wait(position=hub.head, ready=True)
    value = sha256(b"deleted")
    with closing(sqlite3.connect(config.data_dir / "agent.db")) as file, file:
        file.execute("PRAGMA secure_delete = OFF")
        file.execute("DELETE FROM state WHERE name = 'overwritten'")
        file.execute("INSERT INTO lookups VALUES (?, 1)", (value,))
        file.execute("DELETE FROM lookups")
    assert traces(config.data_dir, [value]) == {value}
    for _ in range(2):  # the second start has nothing to do
        with agent_of(config, sandbox) as agent:
            agent.wait(position=hub.head, ready=True)
        assert traces(config.data_dir, [stays, value]) == {stays}
