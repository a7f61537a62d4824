# SPDX-License-Identifier: Apache-2.0
"""Single shares of several callers in one transaction leave what they leave one after the other."""

import random
from collections.abc import Callable
from contextlib import contextmanager
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction

from stemtide.hub.platform.errors import RefusalError
from stemtide.hub.rooms.approvals.models import ActCount, WaitingSignal
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.parties.reads import parties as parties_reads
from stemtide.hub.rooms.parties.writes import parties
from stemtide.hub.rooms.signals.models import ContentItem, Signal
from stemtide.hub.rooms.signals.writes import signals
from stemtide.hub.rooms.signals.writes.share_groups import SingleShare, share_group
from tests.rounds import rounds
from tests.world import NOON, hex_value, signal_in, suspend

pytestmark = pytest.mark.django_db

ITEMS = [UUID(int=number) for number in range(1, 4)]


@contextmanager
def undone():
    """Roll back what the block does."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def one_after_another(shares, by_key):
    """Share each alone, as Django does; the results, or the texts of refusals."""
    results = []
    for share in shares:
        caller = by_key[share.key]
        try:
            with transaction.atomic():
                result = signals.share(
                    share.body, by=caller.party, now=NOON, actor_ref=caller.ref
                ).model_dump(exclude={"id"})
        except RefusalError as error:
            result = str(error)
        results.append(result)
    return results


def grouped(shares):
    """Share all in one group; None for each that must be shared alone."""
    return share_group(lambda: shares, clock=lambda: NOON)


def together(shares, by_key):
    """Share all in one group, and then alone what it left; results, and the order of both."""
    found = grouped(shares)
    by_group = [place for place, result in enumerate(found) if result is not None]
    by_group.sort(key=lambda place: (found[place].position, place))
    alone = [place for place, result in enumerate(found) if result is None]
    results = [found[place].model_dump(exclude={"id"}) for place in by_group]
    results += one_after_another([shares[place] for place in alone], by_key)
    return results, by_group + alone


def stored():
    """Everything that shares leave in the database, with values for ids."""
    values = dict(Signal.objects.values_list("uid", "value"))
    values |= dict(WaitingSignal.objects.values_list("uid", "value"))
    names = {f"signal:{uid}": value for uid, value in values.items()}
    own = {"id", "uid", "content", "crisis"}
    fields = [field.name for field in Signal._meta.concrete_fields if field.name not in own]
    rows = Signal.objects.order_by("position")
    positions = list(rows.values_list("position", flat=True))
    entries = Entry.objects.order_by("number")
    facts = ("number", "kind", "actor", "detail", "exercise", "crisis", "recorded_at")
    return {
        "signals": list(rows.values(*fields, "content__uid", "crisis__uid")),
        "times": {place: times.at for place, times in ledger.position_times(positions).items()},
        "entries": list(entries.values(*facts)),
        "subjects": [names.get(entry.subject) for entry in entries],
        "items": sorted(ContentItem.objects.values_list("uid", "shared_by", "exercise")),
        "counts": sorted(ActCount.objects.values_list("party", "act", "exercise", "count")),
        "waiting": sorted(WaitingSignal.objects.values_list("party", "value")),
    }


def random_share(pick: random.Random, keys: list[str], crisis: UUID) -> SingleShare:
    """A share that may be new, a repetition, a conflict, refused, or one that waits."""
    facts: dict[str, object] = {
        "value": hex_value(pick.randrange(1, 25)),
        "severity": pick.choice(["high", "high", "high", "low"]),
        "exercise": pick.random() < 0.2,
        "content": pick.choice([None, None, *ITEMS]),
        "crisis": pick.choice([None, None, None, crisis]),
        "audience": pick.choice([(), (), (), ("small-forum",), ("nobody-knows",)]),
    }
    if pick.random() < 0.1:
        facts |= {"kind": "url", "value": f"https://h{pick.randrange(3)}.example/", "reach": "host"}
    return SingleShare(signal_in(**facts), pick.choice(keys))


@pytest.mark.parametrize("seed", rounds([1], nightly=range(40)))
def test_a_group_leaves_what_its_shares_leave_one_after_the_other(world, seed):
    pick = random.Random(seed)  # noqa: S311  # a game
    crisis = world.warn().id
    texts = [world.key(party) for party in (*world.everyone, *world.everyone[:3])]
    by_text = [parties_reads.caller(text, now=NOON) for text in texts]
    by_key = {caller.key: caller for caller in by_text}
    shares = [random_share(pick, list(by_key), crisis) for _ in range(60)]
    one_after_another(shares[:20], by_key)

    with undone():
        in_group, order = together(shares, by_key)
        left_by_group = stored()
    with undone():
        alone = one_after_another([shares[place] for place in order], by_key)
        left_alone = stored()

    assert in_group == alone  # answers and refusals
    assert left_by_group == left_alone
    assert len({result["position"] for result in in_group if isinstance(result, dict)}) > 10
    assert any(isinstance(result, str) for result in in_group)


@pytest.fixture
def sharing(world) -> Callable[..., SingleShare]:
    """sharing(party, …) is a share with a new key."""

    def make(party, **facts) -> SingleShare:
        caller = parties_reads.caller(world.key(party), now=NOON)
        return SingleShare(signal_in(**facts), caller.key)

    return make


def test_one_refusal_leaves_its_neighbours_alone(world, sharing):
    good = sharing(world.authority, value=hex_value(1))
    unknown_audience = sharing(world.authority, value=hex_value(2), audience=("nobody",))
    observer = sharing(world.observer, value=hex_value(3))
    also_good = sharing(world.big_provider, value=hex_value(4))

    first, refused, not_allowed, last = grouped([good, unknown_audience, observer, also_good])

    assert first.created
    assert last.position == first.position + 1
    assert refused is not_allowed is None
    assert set(Signal.objects.values_list("value", flat=True)) == {hex_value(1), hex_value(4)}


def test_a_key_that_no_longer_works_shares_nothing(world, sharing):
    revoked, suspended = sharing(world.authority), sharing(world.big_provider)
    lacking = parties_reads.caller(world.key(scopes=["feed:read"]), now=NOON)
    parties.revoke_key(revoked.key, actor="operator", now=NOON)
    suspend(world.big_provider, agency=world.agency)

    shares = [revoked, suspended, SingleShare(signal_in(), lacking.key)]
    assert grouped(shares) == [None] * 3
    assert not Signal.objects.exists()


def test_what_needs_a_second_look_is_left_to_its_caller(world, sharing):
    share = sharing(world.authority, kind="url", value="https://forum.example/", reach="host")

    assert grouped([share]) == [None]
    assert not WaitingSignal.objects.exists()


def test_an_error_of_the_database_leaves_nothing_of_a_group(world, sharing):
    shares = [sharing(world.authority), sharing(world.big_provider)]
    second = world.big_provider.ref
    if connection.vendor == "sqlite":
        refuse_second = (
            "CREATE TEMP TRIGGER of_a_test BEFORE INSERT ON main.ledger_entry"
            f" WHEN NEW.actor = '{second}' BEGIN SELECT RAISE(ABORT, 'of a test'); END"
        )
    else:
        refuse_second = (
            "ALTER TABLE ledger_entry ADD CONSTRAINT of_a_test"
            f" CHECK (actor <> '{second}') NOT VALID"
        )
    with undone():
        with connection.cursor() as cursor:
            cursor.execute(refuse_second)
        with pytest.raises(DatabaseError), transaction.atomic():
            grouped(shares)

        assert not Signal.objects.exists()
        assert "signal.shared" not in world.ledger_kinds()
