# SPDX-License-Identifier: Apache-2.0
"""The only writers of people: what they are in their party, and how they read."""

from django.db import transaction

from stemtide.hub.parties import rules_contacts
from stemtide.hub.parties.models import Person


@transaction.atomic
def set_preferences(person: Person, *, language: str, time_zone: str) -> None:
    """Note in which language and on which clock a person reads. "": as the browser asks, UTC.

    raises: InvalidError.
    """
    if language:
        language = rules_contacts.language_tag(language, field="language").lower()
    if time_zone:
        rules_contacts.check_time_zone(time_zone)
    person.language, person.time_zone = language, time_zone
    person.save(update_fields=["language", "time_zone"])
