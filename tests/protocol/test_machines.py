# SPDX-License-Identifier: Apache-2.0
"""State machines as data: what a file may say, and what a machine answers."""

import pytest

from stemtide.protocol.law.machines import MachineError, WrongMoveError, _read, machine, machines

DOOR = """
title = "Door"
first = "shut"
[states.shut]
title = "Shut"
[states.open]
title = "Open"
[states.gone]
title = "Gone"
is_end = true
[moves.open]
title = "open it"
from = ["shut"]
to = "open"
by = ["guest", "owner"]
[moves.shut]
title = "shut it"
from = ["open"]
to = "shut"
by = ["guest", "owner"]
[moves.take]
title = "take it away"
from = ["shut", "open"]
to = "gone"
by = ["owner"]
"""


@pytest.fixture
def door():
    return _read("door", DOOR)


def test_a_move_leads_where_the_data_says(door):
    assert door.to("shut", "open", side="guest") == "open"
    assert door.to("open", "take", side="owner") == "gone"


def test_it_says_who_can_do_what_from_where(door):
    assert door.open_to("shut", side="owner") == ("open", "take")
    assert door.open_to("shut", side="guest") == ("open",)
    assert door.open_to("gone", side="owner") == ()
    assert door.open_states == {"shut", "open"}


@pytest.mark.parametrize(
    ("state", "move", "by", "told"),
    [
        ("open", "open", "guest", "from 'Open' the guest cannot open it; possible: shut it"),
        ("shut", "take", "guest", "from 'Shut' the guest cannot take it away; possible: open it"),
        ("gone", "open", "owner", "from 'Gone' the owner cannot open it; possible: nothing"),
        ("shut", "paint", "owner", "cannot paint; possible: open it, take it away"),
        ("lost", "open", "owner", "from 'lost' the owner"),
    ],
)
def test_a_wrong_move_is_told_with_those_that_are_possible(door, state, move, by, told):
    with pytest.raises(WrongMoveError) as refused:
        door.to(state, move, side=by)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('first = "shut"', 'first = "ajar"', "there is no state ajar"),
        ('to = "gone"', 'to = "away"', "there is no state away"),
        ("is_end = true", "is_end = false", "state gone: leads nowhere"),
        ('title = "Open"', 'title = "Open"\nis_end = true', "state open: is an end"),
        ('from = ["shut"]', 'from = ["gone"]', "state gone: is an end"),
        ('to = "open"', 'to = "gone"', "nothing leads to open"),
        ('title = "Door"', 'title = "Door"\ncolour = "red"', "at colour"),
        ('title = "Door"', "title = Door", "is no TOML"),
        ('from = ["shut"]', "from = []", "at moves.open.from"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused_with_its_name(old, new, told):
    assert old in DOOR
    with pytest.raises(MachineError) as refused:
        _read("door", DOOR.replace(old, new, 1))
    assert "door.toml" in str(refused.value)
    assert told in str(refused.value)


def test_a_state_that_never_ends_is_refused():
    text = DOOR.replace('from = ["shut", "open"]', 'from = ["open"]').replace(
        'to = "shut"', 'to = "gone"'
    )
    stuck = text + (
        '[states.locked]\ntitle = "Locked"\n'
        '[moves.lock]\ntitle = "lock"\nfrom = ["shut", "locked"]\nto = "locked"\nby = ["owner"]\n'
    )
    with pytest.raises(MachineError, match="state locked: no end can be reached"):
        _read("door", stuck)


def test_all_that_are_shipped_are_read_and_an_unknown_one_names_them():
    for name, one in machines().items():
        assert machine(name) is one
    with pytest.raises(MachineError, match="there is no machine 'window'"):
        machine("window")
