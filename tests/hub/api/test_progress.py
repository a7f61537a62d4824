# SPDX-License-Identifier: Apache-2.0
import pytest

from tests.hub.reports.requests import order, referral

DAY = "from=2026-11-24&to=2026-11-24"


@pytest.fixture
def figures(world, machine):
    referral(world, "removed", acknowledged=2, answered=10, answer="removed", gone=10)
    order(world, "executed", received=0, executed=20)

    def read(what, party="authority", query=DAY, **more):
        return machine(getattr(world, party), **more)("GET", f"/api/v1/progress/{what}?{query}")

    return read


def test_referrals_and_orders_are_counted_apart(figures):
    referrals = figures("referrals", query=f"{DAY}&by=provider").json()
    orders = figures("orders", query=f"{DAY}&by=provider").json()
    assert (referrals["total"]["referred"], referrals["total"]["removed"]) == (1, 1)
    assert (orders["total"]["issued"], orders["total"]["executed"]) == (1, 1)
    assert [one["name"] for one in (*referrals["rows"], *orders["rows"])] == ["big-video"] * 2
    assert "issued" not in referrals["total"]
    assert "referred" not in orders["total"]


def test_a_party_reads_nothing_of_anothers(figures):
    assert figures("referrals", party="other_authority").json()["total"]["assessed"] == 0
    assert figures("orders", party="small_provider").json()["total"]["issued"] == 0


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("from=2026-11-24", 422, "to: is missing"),
        ("from=2026-11-24&to=soon", 422, "to"),
        ("from=2026-11-25&to=2026-11-24", 422, "is before from"),
        (f"{DAY}&zone=Mars", 422, "not a time zone"),
        (f"{DAY}&by=country", 422, "by"),
        (f"{DAY}&of=all", 422, "one completed quarter"),
        ("from=2026-07-01&to=2026-09-30&of=all&by=provider", 403, "cannot be divided"),
        ("from=9999-12-31&to=9999-12-31", 422, ""),
        ("from=0001-01-01&to=0001-01-01&zone=Asia/Tokyo", 422, ""),
    ],
)
@pytest.mark.parametrize("what", ["referrals", "orders"])
def test_what_cannot_be_asked_is_refused_with_the_remedy(figures, what, query, status, says):
    answer = figures(what, query=query)
    assert answer.status_code == status
    assert says in answer.json()["detail"]


def test_a_key_needs_its_scope(figures):
    assert figures("referrals", scopes=["feed:read"]).status_code == 403
    assert figures("orders", scopes=["requests:read"]).status_code == 200
