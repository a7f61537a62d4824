# SPDX-License-Identifier: Apache-2.0
"""Crises of the first tables come to the new ones, and back."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tests.world import NOON


def tables(name):
    """The models of crises as a migration leaves them."""
    executor = MigrationExecutor(connection)
    return executor.loader.project_state([("crises", name)]).apps


def old_rows(party):
    """One crisis at each of the old stages. party: the number of who opened them."""
    apps = tables("0001_first_tables")
    crisis = apps.get_model("crises", "Crisis").objects
    plain = {"framework": "eucp-2019", "opened_by_id": party}
    plain |= {"happened_at": NOON, "warned_at": NOON}
    crisis.create(uid=uuid4(), name="warned", stage="early_warning", **plain)
    live = crisis.create(uid=uuid4(), name="live", stage="active", activated_at=NOON, **plain)
    over = NOON + timedelta(hours=9)
    crisis.create(uid=uuid4(), name="over", stage="closed", closed_at=over, **plain)
    apps.get_model("crises", "Check").objects.create(
        crisis=live, test="harm", answer="yes", answered_by_id=party, answered_at=NOON
    )
    return over


@pytest.mark.nightly
def test_old_crises_become_new_ones_and_old_ones_again(committed_world):
    call_command("migrate", "crises", "0001", verbosity=0)
    over = old_rows(committed_world.authority.pk)
    call_command("migrate", verbosity=0)
    crises = tables("0004_event_is_known").get_model("crises", "Crisis").objects
    assert all(row.event == row.uid for row in crises.all())
    assert crises.get(name="over").tail_ends_at == over
    review = crises.get(name="live").reviews.get()
    assert review.review_due == NOON + timedelta(hours=48)
    assert crises.get(name="live").checks.get().answered_ref == ""

    crises.filter(name="warned").update(stage="deescalating")
    crises.filter(name="over").update(stage="ended")
    call_command("migrate", "crises", "0001", verbosity=0)
    crises = tables("0001_first_tables").get_model("crises", "Crisis").objects
    assert {row.name: row.stage for row in crises.all()} == {
        "warned": "active",
        "live": "active",
        "over": "closed",
    }
    call_command("migrate", verbosity=0)
