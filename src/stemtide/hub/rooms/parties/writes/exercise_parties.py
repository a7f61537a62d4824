# SPDX-License-Identifier: Apache-2.0
"""Write parties that bots play in one exercise, and their keys. Decision 0174."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import ApiKey, Party
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules.parties import BOT_SCOPES, EXERCISE_PREFIX
from stemtide.hub.rooms.parties.writes import competences, parties
from stemtide.hub.rooms.parties.writes.standing import record_change
from stemtide.protocol.enums import Duty, PartyKind, Standing

_KEY = "bot"
_TITLE = "EXERCISE {title}"
_MAX_NAME = 60


@transaction.atomic
def add_bot_party(
    name: str,
    *,
    run: int,
    title: str,
    kind: PartyKind,
    country: str,
    duties: Iterable[Duty],
    by: Actor,
    now: datetime,
) -> Party:
    """Add a party that a bot plays in one exercise. run: the number of the exercise.

    raises: InvalidError, ConflictError.
    """
    ledger.lock_ledger()
    party = parties.add_party(
        f"{EXERCISE_PREFIX}{run}-{name}"[:_MAX_NAME].rstrip("-"),
        title=_TITLE.format(title=title),
        kind=kind,
        country=country,
        actor=by.party.ref,
        now=now,
        exercise=True,
    )
    if kind is PartyKind.PROVIDER:  # the word of new parties does not count
        before, party.standing = party.standing, Standing.MEMBER
        party.save(update_fields=["standing"])
        record_change(party, before=before, reason="", by=by.party, by_ref=by.ref, now=now)
        ledger.append_by(
            "standing.granted",
            by=by,
            subject=party.ref,
            now=now,
            detail={"from": before, "to": party.standing},
            exercise=True,
        )
    for duty in duties:
        competences.name_competent(party, duty, actor=by.party.ref, now=now)
    return party


@needs_no_entry("new_key() and revoke_key() record it")
@transaction.atomic
def renew_bot_key(party: Party, *, by: Actor, now: datetime) -> str:
    """Create the key of a party that a bot plays; its earlier one no longer works."""
    ledger.lock_ledger()
    _revoke_keys(party, actor=by.party.ref, now=now)
    _, text = parties.new_key(_KEY, party=party, scopes=BOT_SCOPES, actor=by.party.ref, now=now)
    return text


@transaction.atomic
def end_bot_party(party: Party, *, by: Actor | None, otherwise: str, now: datetime) -> None:
    """End a party that a bot played: its keys no longer work, and lists leave it out.

    otherwise: who ends it if by is None, as the ledger names it.
    """
    ledger.lock_ledger()
    _revoke_keys(party, actor=by.party.ref if by else otherwise, now=now)
    party.left_at = now
    party.save(update_fields=["left_at"])
    ledger.append_by(
        "party.left", by=by, subject=party.ref, now=now, exercise=True, otherwise=otherwise
    )


def _revoke_keys(party: Party, *, actor: str, now: datetime) -> None:
    """Revoke the keys of a party."""
    for prefix in ApiKey.objects.filter(party=party, revoked_at=None).values_list(
        "prefix", flat=True
    ):
        parties.revoke_key(prefix, actor=actor, now=now)
