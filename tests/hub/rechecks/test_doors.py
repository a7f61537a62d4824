# SPDX-License-Identifier: Apache-2.0
"""Re-checks through the API."""

from datetime import timedelta
from uuid import uuid4

import pytest

from stemtide.hub.rooms.rechecks.models import Recheck
from tests.hub.api.conftest import machine  # noqa: F401  # a fixture
from tests.world import NOON

QUARTER = NOON + timedelta(minutes=15)


def test_a_machine_reads_what_its_party_may_see(requests, world, machine):  # noqa: F811
    referral, order = requests.referral(), requests.order()
    requests.note(requests.recheck(order), 404, now=QUARTER)
    provider, stranger = machine(world.big_provider), machine(world.small_provider)
    (one,) = provider("GET", f"/api/v1/rechecks?order={order.uid}").json()
    assert (one["kind"], one["verdict"], one["reason"]) == ("order", "gone", "says_gone")
    assert provider("GET", f"/api/v1/rechecks/{one['id']}").json() == one
    found = provider("GET", "/api/v1/rechecks?verdict=gone&returned=0").json()
    assert [row["reference"] for row in found] == [order.reference]
    (other,) = provider("GET", f"/api/v1/rechecks?referral={referral.uid}").json()
    assert (other["kind"], other["verdict"], other["visits"]) == ("referral", None, [])
    assert stranger("GET", "/api/v1/rechecks").json() == []
    assert stranger("GET", f"/api/v1/rechecks/{one['id']}").status_code == 404


def test_a_machine_asks_for_a_visit_once(requests, world, machine):  # noqa: F811
    row = requests.recheck(requests.referral())
    Recheck.objects.update(next_at=None)  # the schedule has ended
    authority = machine(world.authority)
    asked = authority("POST", f"/api/v1/rechecks/{row.uid}/visit")
    assert asked.status_code == 200
    again = authority("POST", f"/api/v1/rechecks/{row.uid}/visit")
    assert (again.status_code, again.json()["detail"][:17]) == (409, "a visit is alread")
    assert authority("POST", f"/api/v1/rechecks/{uuid4()}/visit").status_code == 404


@pytest.mark.parametrize(
    "path", ["/api/v1/rechecks", "/api/v1/rechecks/00000000-0000-4000-8000-000000000000"]
)
def test_a_key_without_the_scope_reads_none(world, machine, path):  # noqa: F811
    assert machine(world.authority, scopes=["feed:read"])("GET", path).status_code == 403
