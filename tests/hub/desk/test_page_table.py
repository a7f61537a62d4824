# SPDX-License-Identifier: Apache-2.0
"""Who gets which page: every address of the desk, as page_table.py writes it out."""

import random
import re
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from stemtide.hub.desk import urls
from stemtide.hub.desk.crises import blocks as room_blocks
from stemtide.hub.platform import rate_windows
from tests import scene
from tests.hub.desk.page_table import DATA, FIXED, PARTS, TABLE, TWICE, WHO
from tests.rounds import at_night, few, rounds
from tests.world import add_member

pytestmark = pytest.mark.django_db
ROWS = [line.split() for line in TABLE.strip().splitlines()]
UID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="[^"]+"')


@pytest.fixture
def stage(world, settings, tmp_path):
    """The scene, and what stands in its addresses."""
    settings.MEDIA_KEY_FILE = tmp_path / "media.key"
    room_blocks.block_cache.clear()
    world.party["forum"] = add_member("forum", title="The forum", kind="consortium", now=world.now)
    return scene.assemble(world)


def where(name, parts):
    """The address of a page in the scene."""
    pattern = next(one for one in urls.urlpatterns if one.name == name)
    given = {one: parts[part] for one, part in PARTS.get(name, {}).items()} | FIXED.get(name, {})
    if set(pattern.pattern.converters) - set(given) == {"uid"}:
        given["uid"] = parts["crisis"]
    return reverse(name, kwargs=given)


def browser(world, party, role):
    """The browser of somebody of the scene, or of nobody."""
    client = Client(raise_request_exception=False)
    if party:
        people = get_user_model().objects.filter(party=world.party[party], role=role)
        person = people.exclude(email__startswith="new@").first() or world.person(party, role)
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


def ask(client, method, path, name):
    """What one gets; nothing of it lasts."""
    session = client.cookies.output()
    point = transaction.savepoint()
    try:
        sent = DATA.get(name, {}) if method == "POST" else {}
        return getattr(client, method.lower())(path, sent)
    finally:
        transaction.savepoint_rollback(point)
        client.cookies.load(session.replace("Set-Cookie: ", ""))


def code(answer):
    """How the table writes an answer."""
    to_sign_in = answer.status_code == 302 and "/sign-in" in answer.headers["Location"]
    return "in" if to_sign_in else str(answer.status_code)


def test_every_address_is_in_the_table():
    named = {one.name for one in urls.urlpatterns}
    assert named - set(TWICE) == {name for _, name, *_ in ROWS}
    assert set(TWICE) <= named


MOST = (1, 6, 8)
"""The columns of people of an authority, an agency and a provider who may act most."""


def columns_asked(number, method, codes):
    """Return the columns that are asked for a row; number: its place in the table.

    `make nightly` asks all of them. `make test` asks on PostgreSQL one of those that may act most
    and get the page, for those pages have the most statements; it sends no form there, because
    tests of rooms write the same on PostgreSQL. On SQLite it asks nobody's and one of each answer:
    the next ones in each row.
    """
    if rounds(quick=False, nightly=True):
        return set(range(len(WHO)))
    if connection.vendor == "postgresql":
        readers = [column for column in MOST if method == "GET" and codes[column] == "200"]
        return {readers[number % len(readers)]} if readers else set()
    chosen = {0}
    for code_ in set(codes):
        columns = [column for column, other in enumerate(codes) if other == code_]
        chosen.add(columns[number % len(columns)])
    return chosen


@pytest.mark.both_databases
def test_who_gets_which_page(world, stage):
    asked = [columns_asked(number, row[0], row[2:]) for number, row in enumerate(ROWS)]
    for column in range(len(WHO)):
        rows = [row for row, columns in zip(ROWS, asked, strict=True) if column in columns]
        room_blocks.block_cache.clear()
        rate_windows.windows._windows.clear()
        point = transaction.savepoint()
        client = browser(world, *WHO[column])
        got = {}
        for method, name, *_ in rows:
            got[method, name] = code(ask(client, method, where(name, stage), name))
        transaction.savepoint_rollback(point)
        wanted = {(method, name): codes[column] for method, name, *codes in rows}
        assert got == wanted, WHO[column]


@at_night
def test_what_the_table_does_not_name_is_no_method(world, stage):
    known = {(method, name) for method, name, *_ in ROWS}
    client = browser(world, *WHO[1])
    for name in {name for _, name in known}:
        for method in ("GET", "POST"):
            if (method, name) not in known:
                answer = ask(client, method, where(name, stage), name)
                assert code(answer) in {"405", "in"}, (method, name)


@pytest.mark.parametrize("party", few((1,), of=["rival", "observer"]))
def test_to_a_stranger_what_is_there_looks_like_what_is_not(world, stage, party):
    client = browser(world, party, WHO[1][1])
    nothing = {name: str(uuid4()) if UID.fullmatch(one) else one for name, one in stage.items()}
    methods = rounds({"GET"}, nightly={"GET", "POST"})
    for method, name in ((method, name) for method, name, *_ in ROWS if method in methods):
        there, not_there = where(name, stage), where(name, nothing)
        parts = set(PARTS.get(name, {}).values())
        if there == not_there or parts & {"allow_entry"}:  # which every party may read
            continue
        if party == "rival" and parts & {"signal", "preview"}:
            continue  # a signal that is shared with all providers is no secret to one of them
        seen, unseen = (ask(client, method, one, name) for one in (there, not_there))
        assert seen.status_code == unseen.status_code, (method, name)
        assert _bare(seen) == _bare(unseen), (method, name)


def _bare(answer):
    """A page without ids and tokens."""
    return TOKEN.sub("", UID.sub("", answer.content.decode()))


def part(name, stage):
    """The part of the scene that stands in an address; "" if none does."""
    address = where(name, stage)
    return next((part for part, value in stage.items() if f"/{value}/" in f"{address}/"), "")


def pages_and_acts(stage):
    """Each page with each act about the same thing, and the columns of those who may."""
    rows = [(method, name, part(name, stage), codes) for method, name, *codes in ROWS]
    for _, page, thing, may_read in (row for row in rows if row[0] == "GET"):
        for _, act, changed, may_act in (row for row in rows if row[0] == "POST"):
            readers = [column for column, code in enumerate(may_read) if code == "200"]
            actors = [column for column, code in enumerate(may_act) if code == "302"]
            if changed and changed == thing and act in DATA and readers and actors:
                yield page, readers, act, actors


def read_while(act, *, before, client, path):
    """Get a page, and act before one of its queries; nothing of it lasts."""
    passed = 0

    def count(execute, *arguments):
        nonlocal passed
        passed += 1
        if passed == before:
            act()
        return execute(*arguments)

    point = transaction.savepoint()
    with connection.execute_wrapper(count):
        answer = client.get(path)
    transaction.savepoint_rollback(point)
    return answer


OPEN_CURSOR = "SQL statements in progress"
"""What SQLite answers to a write while the page still reads the rows of a query. Only in this test
do they share a connection."""


@at_night
def test_a_page_that_is_read_while_somebody_acts_is_whole(world, stage):
    """A page asks the database many times, and the acts of others fall in between."""
    every = [(*pair, before) for pair in pages_and_acts(stage) for before in range(1, 81, 4)]
    size = min(rounds(40, nightly=600), len(every))
    sample = random.Random(20191007).sample(every, size)  # noqa: S311  # the same each time
    clients = [browser(world, *who) for who in WHO]
    for number, (page, readers, act, actors, before) in enumerate(sample):
        reader, actor = readers[number % len(readers)], actors[number % len(actors)]
        room_blocks.block_cache.clear()
        rate_windows.windows._windows.clear()
        path = where(act, stage)
        answer = read_while(
            lambda path=path, act=act, actor=actor: clients[actor].post(path, DATA[act]),
            before=before,
            client=clients[reader],
            path=where(page, stage),
        )
        is_whole = answer.status_code < 500 or OPEN_CURSOR in str(answer.exc_info)
        assert is_whole, (page, WHO[reader], act, WHO[actor], before)
