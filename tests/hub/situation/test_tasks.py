# SPDX-License-Identifier: Apache-2.0
"""Tasks of a response: who gives, finishes, drops and reopens them, and who is told."""

from datetime import timedelta
from uuid import uuid4

import pytest

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.alerts.models import Alert
from stemtide.hub.rooms.alerts.writes import alerts
from stemtide.hub.rooms.crises.rules.crises import CrisisFacts
from stemtide.hub.rooms.crises.writes import roles
from stemtide.hub.rooms.tasks import reads, rules, writes
from stemtide.protocol.enums import JoinState, PartyKind, Role
from stemtide.protocol.enums.response import ResponseRole, TaskState
from stemtide.protocol.law.frameworks import framework
from stemtide.protocol.messages.situation import TaskIn, TaskLink, TaskMoveIn
from tests.world import NOON

SOON = NOON + timedelta(hours=1)
OPEN, DONE, DROPPED = TaskState.OPEN, TaskState.DONE, TaskState.DROPPED

KINDS = {
    "opener": PartyKind.PROVIDER,
    "authority": PartyKind.AUTHORITY,
    "agency": PartyKind.AGENCY,
    "giver": PartyKind.PROVIDER,
    "owner": PartyKind.PROVIDER,
    "other": PartyKind.PROVIDER,
    "observer": PartyKind.OBSERVER,
    "outsider": PartyKind.AUTHORITY,
}
COLUMNS = tuple(KINDS)
TABLE = """
give             yes yes yes yes yes yes no  no
open    done     yes yes yes yes yes no  no  no
open    dropped  yes yes yes yes yes no  no  no
open    open     no  no  no  no  no  no  no  no
done    open     yes yes yes yes yes no  no  no
dropped open     yes yes yes yes yes no  no  no
done    dropped  no  no  no  no  no  no  no  no
dropped done     no  no  no  no  no  no  no  no
"""


class Somebody:
    """A party and its person, as the rules see them."""

    country, group, ref = "", "", "person:1"

    def __init__(self, name, role=Role.ANALYST):
        self.name, self.kind, self.role = name, KINDS[name], role


def may(words, name, *, role=Role.ANALYST, stage="active"):
    joined = set(KINDS) - {"outsider", "agency", "opener"}
    facts = CrisisFacts(
        framework=framework("eucp-2023"),
        stage=stage,
        opened_by="opener",
        countries=("BE",),
        states=dict.fromkeys(joined, JoinState.JOINED),
    )
    by = Somebody(name, role)
    if words.strip() == "give":
        return "yes" if rules.allows(rules.check_give, facts, by=by) else "no"
    before, to = words.split()
    task = rules.TaskFacts(TaskState(before), given_by="giver", owner="owner")
    return "yes" if rules.allows(rules.check_move, facts, task, by=by, to=TaskState(to)) else "no"


@pytest.mark.parametrize("row", TABLE.strip().splitlines())
def test_who_gives_finishes_drops_and_reopens_tasks(row):
    words, answers = row[:17], row[17:].split()
    assert [may(words, name) for name in COLUMNS] == answers


def test_an_observing_person_only_reads_tasks():
    assert may("give", "agency", role=Role.OBSERVER) == "no"
    assert may("open done", "owner", role=Role.OBSERVER) == "no"


def test_a_closed_crisis_takes_no_task_and_lets_its_tasks_end():
    assert may("give", "agency", stage="closed") == "no"
    assert may("done open", "owner", stage="closed") == "no"
    assert may("open done", "owner", stage="closed") == "yes"


def give(room, by, owner="", **fields):
    body = TaskIn(**({"title": "Call the forum", "due_at": SOON, "owner": owner} | fields))
    return writes.give(room.crisis.id, body=body, by=by, now=NOON)


def move(task, state, by, now=NOON):
    return writes.move(task.id, body=TaskMoveIn(state=state), by=by, now=now)


def test_a_task_is_given_done_and_reopened_and_the_ledger_has_each_step(room, person):
    by, other = person(room.world.authority), person(room.world.big_provider)
    task = give(room, by, "big-video")
    move(task, DONE, other, now=SOON)
    assert reads.task(task.id, viewer=room.world.agency).ended_by == "big-video"
    assert move(task, OPEN, by).ended_at is None
    move(task, DROPPED, by)
    assert room.world.ledger_kinds()[-4:] == [
        *("task.given", "task.finished", "task.reopened", "task.dropped"),
    ]
    assert room.world.last_entry().crisis == room.crisis.id


def test_its_owner_is_told_until_it_is_done(room, person):
    other = person(room.world.authority)
    first, second = give(room, other, "big-video"), give(room, other, "big-video", title="Again")
    alerts.raise_from_ledger(NOON)
    assert Alert.objects.filter(kind="task_given", party=room.world.big_provider).count() == 2
    move(first, DONE, person(room.world.big_provider))
    alerts.raise_from_ledger(NOON)
    still_open = Alert.objects.get(kind="task_given", state="open")
    assert still_open.subject == f"task:{second.id}"


def test_a_colleague_is_told_by_name_and_other_parties_do_not_read_who(room, person):
    colleague = room.world.person(room.world.authority, role="analyst")
    task = give(room, person(room.world.authority), colleague.email)
    alerts.raise_from_ledger(NOON)
    alert = Alert.objects.get(kind="task_given")
    assert (alert.party, alert.assigned_to) == (room.world.authority, colleague)
    own, other = (
        reads.task(task.id, viewer=viewer)
        for viewer in (room.world.authority, room.world.big_provider)
    )
    assert (own.owner, own.ref) == (colleague.email, colleague.ref)
    assert (other.owner, other.ref, other.party) == ("", None, "be-crisis-centre")


def test_a_task_of_ones_own_alerts_nobody(room, person):
    by = person(room.world.authority)
    give(room, by, "duty_officer@be-crisis-centre.example")
    give(room, by)
    alerts.raise_from_ledger(NOON)
    assert not Alert.objects.filter(kind="task_given").exists()


def test_a_task_of_a_role_follows_whoever_holds_the_role(room, person):
    task = give(room, person(room.world.authority), "role:media")
    assert reads.task(task.id, viewer=room.world.agency).party is None
    by = person(room.world.big_provider)
    roles.take(room.crisis.id, ResponseRole.MEDIA, by=by, now=NOON)
    assert reads.task(task.id, viewer=room.world.agency).party == "big-video"
    assert [row.id for row in reads.waiting(by)] == [task.id]
    assert reads.waiting(person(room.world.small_provider)) == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"owner": "role:king"}, "owner"),
        ({"owner": "no-such-party"}, "owner"),
        ({"owner": "rights-watch"}, "owner"),
        ({"owner": "nobody@big-video.example"}, "owner"),
        ({"link": TaskLink(kind="referral", id=uuid4())}, "link"),
        ({"link": TaskLink(kind="order", id=uuid4())}, "link"),
    ],
)
def test_what_is_wrong_is_named(room, person, fields, field):
    with pytest.raises(InvalidError) as refusal:
        give(room, person(room.world.authority), **fields)
    assert refusal.value.field == field


def test_who_is_not_in_the_room_finds_no_task(room, person):
    task = give(room, person(room.world.authority))
    with pytest.raises(NotFoundError):
        reads.task(task.id, viewer=room.world.observer)
    with pytest.raises(NotAllowedError):
        move(task, DONE, person(room.world.small_provider))
    with pytest.raises(ConflictError, match="already open"):
        move(task, OPEN, person(room.world.agency))


def test_the_ledger_names_no_person_of_another_party_and_they_are_told_by_name(room, person):
    holder = person(room.world.big_provider)
    roles.take(room.crisis.id, ResponseRole.MEDIA, by=holder, now=NOON)
    give(room, person(room.world.authority), "role:media")
    detail = room.world.last_entry().detail
    assert (detail["parties"], detail.get("person")) == (["big-video"], None)
    alerts.raise_from_ledger(NOON)
    alert = Alert.objects.get(kind="task_given")
    assert (alert.party, alert.assigned_to.ref) == (room.world.big_provider, holder.ref)
