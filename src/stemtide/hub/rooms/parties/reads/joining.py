# SPDX-License-Identifier: Apache-2.0
"""Read whether somebody speaks for a party already."""

from django.db.models import QuerySet

from stemtide.hub.rooms.parties.models import ApiKey, Party, Person


def has_people(party: Party) -> bool:
    """Whether a person of a party has ever joined.

    People who were invited and have set no password have not.
    """
    people = Person.objects.filter(party=party)
    return any(
        person.has_usable_password() or person.last_login or person.erased_at for person in people
    )


def unclaimed(*, viewer: Party) -> QuerySet[Party]:
    """Return the parties that never had a person or a key, but for the viewer, by title."""
    rows = Party.objects.filter(people=None, keys=None)
    return rows.exclude(pk=viewer.pk).order_by("title")


def has_keys(party: Party) -> bool:
    """Whether a party has ever had an API key."""
    return ApiKey.objects.filter(party=party).exists()
