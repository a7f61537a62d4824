# SPDX-License-Identifier: Apache-2.0
"""Fill a hub's folder with parties: python -m tests.flows.casts NAME FOLDER [MORE …].

Prints the parties' keys, everybody's password, and what else a story needs to know.
"""

import dataclasses
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from stemtide.exercises import cast

BY = {"actor": "exercise"}


def demo(folder: Path) -> dict:
    """Make the parties of the demo, and people of three of them."""
    made = cast.create_cast(folder)
    roles = [
        ("be-crisis-centre", "duty_officer"),
        ("be-crisis-centre", "coordinator"),
        ("big-videos", "duty_officer"),
    ]
    for party, role in roles:
        add_person(f"{role}@{party}.example", party, role, made.password)
    return dataclasses.asdict(made)


def reviewers(folder: Path) -> dict:
    """Make the demo's parties, and people of a provider who may review, and who may not."""
    made = demo(folder)
    for role in ("analyst", "observer", "administrator"):
        add_person(f"{role}@big-videos.example", "big-videos", role, made["password"])
    return made


def rehearsal(folder: Path) -> dict:
    """Make the demo's parties, a second authority, and the key of an exercise's player."""
    made = cast.create_cast(folder)
    from stemtide.hub.rooms.parties.writes import parties
    from stemtide.protocol.enums import Scope

    now = datetime.now(UTC)
    parties.add_party(
        "fr-crisis-centre", title="French Centre", kind="authority", country="FR", now=now, **BY
    )
    add_person("duty@french.example", "fr-crisis-centre", "duty_officer", made.password)
    player = cast.new_key(cast.COORDINATOR, "player", [Scope.EXERCISES_RUN])
    return dataclasses.asdict(made) | {"player": player}


def mail_box(folder: Path, url: str, annex: str) -> dict:
    """Make a provider that has a mail box only, and send it an order and a referral.

    url: what both are about; annex: other values of Annex I, as JSON.
    """
    made = cast.create_cast(folder)
    from stemtide.hub.rooms.orders.writes import orders
    from stemtide.hub.rooms.parties.models import Party
    from stemtide.hub.rooms.parties.reads.parties import Actor
    from stemtide.hub.rooms.parties.writes import competences, contacts, parties
    from stemtide.hub.rooms.referrals.writes import referrals
    from stemtide.protocol.messages.orders import OrderIn
    from stemtide.protocol.messages.referrals import AssessIn, SendIn
    from tests.orders import issue_order

    now = datetime.now(UTC)
    provider = parties.add_party(
        "one-person", title="One Person", kind="provider", country="FR", now=now, **BY
    )
    home = parties.add_party(
        "fr-unit", title="French Unit", kind="authority", country="FR", now=now, **BY
    )
    competences.name_competent(home, "scrutinise", now=now, **BY)
    for party, address in ((provider, "me@one-person.example"), (home, "tco@unit.example")):
        contacts.add_contact_point(party, channel="mail", address=address, now=now, **BY)
    issuer = Actor(Party.objects.get(name=cast.AUTHORITY), "person:1", "duty_officer")
    values = json.loads(annex) | {"urls": [url], "signed_on": now.date().isoformat()}
    body = OrderIn(
        to="one-person",
        annex=values,
        emergency="An attack is under way.",
        emergency_ground="ongoing_events",
    )
    order = orders.draft(body, by=issuer, now=now).id
    issue_order(order, by=issuer, now=now)
    assessed = AssessIn(
        provider="one-person",
        url=f"{url}?part=2",
        labels=["glorification"],
        reason="It praises the attack.",
    )
    referral = referrals.refer(assessed, assessment=SendIn(), by=issuer, now=now).id
    return dataclasses.asdict(made) | {"order": str(order), "referral": str(referral)}


def orders(folder: Path, address: str) -> dict:
    """Make the demo's parties, an authority in the provider's state, and people on duty at three.

    address: the provider's webhook, whose secret is returned.
    """
    made = cast.create_cast(folder)
    from stemtide.hub.rooms.alerts.reads import deliveries
    from stemtide.hub.rooms.parties.models import Party
    from stemtide.hub.rooms.parties.writes import competences, contacts, parties

    now = datetime.now(UTC)
    home = parties.add_party(
        "ie-media-commission",
        title="Media Commission",
        kind="authority",
        country="IE",
        now=now,
        **BY,
    )
    for party in ("be-crisis-centre", "ie-media-commission", "big-videos"):
        add_person(f"night@{party}.example", party, "duty_officer", made.password)
    add_person(f"second@{cast.AUTHORITY}.example", cast.AUTHORITY, "coordinator", made.password)
    competences.name_competent(home, "scrutinise", now=now, **BY)
    provider = Party.objects.get(name="big-videos")
    point = contacts.add_contact_point(provider, channel="url", address=address, now=now, **BY)
    secret = deliveries.secrets(point, now=now)[0]
    return dataclasses.asdict(made) | {"secret": secret}


def waiting(folder: Path, url: str, annex: str) -> dict:
    """Make the demo's parties; an order, a referral, a complaint and an invitation wait for one.

    url: what the requests are about. annex: other values of Annex I, as JSON.
    few: a key of that provider which only an agent needs.
    """
    told = orders(folder, "https://big-videos.example/hook")
    from stemtide.hub.rooms.complaints.writes import complaints
    from stemtide.hub.rooms.crises.writes import crises
    from stemtide.hub.rooms.orders.writes import orders as writes
    from stemtide.hub.rooms.parties.models import Party
    from stemtide.hub.rooms.parties.reads.parties import Actor
    from stemtide.hub.rooms.referrals.writes import referrals
    from stemtide.protocol.enums import Scope
    from stemtide.protocol.messages.complaints import ComplaintIn
    from stemtide.protocol.messages.crises import WarningIn
    from stemtide.protocol.messages.orders import OrderIn
    from stemtide.protocol.messages.referrals import AssessIn, SendIn
    from tests.orders import issue_order

    now, name = datetime.now(UTC), cast.PROVIDERS[0]
    provider = Party.objects.get(name=name)
    issuer = Actor(Party.objects.get(name=cast.AUTHORITY), "person:1", "duty_officer")
    values = json.loads(annex) | {
        "urls": [url],
        "home_state": provider.country,
        "signed_on": now.date().isoformat(),
    }
    body = OrderIn(
        to=name,
        annex=values,
        emergency="An attack is under way.",
        emergency_ground="ongoing_events",
    )
    order = writes.draft(body, by=issuer, now=now).id
    issue_order(order, by=issuer, now=now)
    assessed = AssessIn(
        provider=name,
        url=f"{url}?part=2",
        labels=["glorification"],
        reason="It praises the attack.",
    )
    referral = referrals.refer(assessed, assessment=SendIn(), by=issuer, now=now).id
    complaint = ComplaintIn(
        reference="post-7",
        basis="own",
        measure="removed",
        acted_at=now,
        text="It is the evening news.",
    )
    filed = complaints.file_for(complaint, by=Actor(provider, "person:2", "duty_officer"), now=now)
    warning = WarningIn(
        name="Attack at the harbour",
        summary="A stream.",
        happened_at=now,
        countries=("BE", "FR"),
        invite=(name,),
    )
    crisis = crises.warn(warning, by=issuer, now=now).id
    few = cast.new_key(name, "agent", [Scope.FEED_READ, Scope.FEEDBACK_WRITE])
    ids = {"order": order, "referral": referral, "complaint": filed.complaint.id, "crisis": crisis}
    return told | {kind: str(uid) for kind, uid in ids.items()} | {"few": few}


def add_person(email: str, party: str, role: str, password: str) -> None:
    """Let somebody of a party sign in."""
    from stemtide.hub.rooms.parties.models import Party
    from stemtide.hub.rooms.parties.writes import parties

    owner = Party.objects.get(name=party)
    now = datetime.now(UTC)
    parties.add_person(email, party=owner, role=role, password=password, now=now, **BY)


CASTS = {make.__name__: make for make in (demo, mail_box, orders, rehearsal, reviewers, waiting)}


def main() -> None:
    """Make the cast that the arguments name."""
    _, name, folder, *more = sys.argv
    print(json.dumps(CASTS[name](Path(folder), *more)))


if __name__ == "__main__":
    main()
