# SPDX-License-Identifier: Apache-2.0
"""The menu: few entries, each page once, and where the reader is."""

import re

import pytest

from stemtide.hub.desk import navigation
from stemtide.protocol.enums import PartyKind, Role
from tests.rounds import at_night

READERS = [(role, kind) for role in Role for kind in PartyKind]


def names(path="/", role=Role.DUTY_OFFICER, kind=PartyKind.AUTHORITY):
    return {
        group.name: [page.name for page in group.pages]
        for group in navigation.menu(path, role=role, kind=kind)
    }


@pytest.mark.parametrize(("role", "kind"), READERS)
def test_the_menu_has_at_most_seven_entries_and_each_page_once(role, kind):
    groups = names(role=role, kind=kind)
    pages = [page for group in groups.values() for page in group]
    assert len(groups) <= 7
    assert len(pages) == len(set(pages))


def test_a_provider_has_its_inbox_instead_of_the_lists_of_senders():
    requests = names(kind=PartyKind.PROVIDER)["requests"]
    assert requests[0] == "inbox"
    assert not {"referrals", "orders"} & set(requests)


def test_only_roles_that_look_after_accounts_have_their_pages():
    assert names()["settings"] == ["you", "preferences"]
    assert "colleagues" in names(role=Role.ADMINISTRATOR)["settings"]


@pytest.mark.parametrize(
    ("path", "group", "page"),
    [
        ("/", "board", "board"),
        ("/referrals/holds/new", "requests", "referrals"),
        ("/you", "settings", "you"),
        ("/you/preferences", "settings", "preferences"),
        ("/deliveries", "to-do", "alerts"),
    ],
)
def test_the_menu_marks_the_page_of_the_reader(path, group, page):
    menu = navigation.menu(path, role=Role.DUTY_OFFICER, kind=PartyKind.AUTHORITY)
    here = [(each.name, link.name) for each in menu for link in each.pages if link.is_here]
    assert here == [(group, page)]


@at_night
@pytest.mark.django_db
def test_a_page_shows_the_other_pages_of_its_entry(world):
    client = world.desk("authority")
    html = client.get("/leads").content.decode()
    section = re.search(r'<nav class="subpages".*?</nav>', html, re.DOTALL)[0]
    assert re.findall(r"subpages__page--(\S+)\"", section) == [
        "crises",
        "leads",
        "reports",
        "exercises",
    ]
    assert '<nav class="subpages"' not in client.get("/").content.decode()
