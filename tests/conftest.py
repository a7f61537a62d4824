# SPDX-License-Identifier: Apache-2.0
"""What holds for every test.

Examples are made up however long that takes on this machine. SQLite's test database is a file,
whichever test asks for it first: threads then meet as processes would.
"""

import gc
import os
from pathlib import Path
from socketserver import BaseServer

import pytest
from hypothesis import HealthCheck, settings

from tests.accepted_walls import ACCEPTED
from tests.compiled import compile_once
from tests.once import open_for_all
from tests.rounds import rounds

for setting, walls in ACCEPTED.items():
    os.environ.setdefault(setting, walls)

# The processes of a run start with this one's environment, and so find what it opens here.
open_for_all()

settings.register_profile(
    "house",
    deadline=None,
    max_examples=rounds(30, nightly=100),
    suppress_health_check=[HealthCheck.too_slow],
)  # a limit of time fails where the machine has other work
settings.load_profile("house")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection():
    """Have one worker of a run compile the tests where nobody did before.

    Python's garbage collector rests meanwhile: what is imported stays, and to look through it
    again and again takes a seventh of the time.
    """
    gc.disable()
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return (yield)
    with compile_once():
        return (yield)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish():
    """Have Python's garbage collector leave alone what stays until the end, and come less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


FIRST = (
    *("flows", "hub/running", "hub/desk/test_page_table.py", "cli", "clients", "client"),
    *("exercises", "agent", "catalogue"),
)
"""Folders and files of long tests, and of tests that wait for processes; longest first."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, and keep each folder together, in its mixed order.

    A run's processes begin with a part of the list each, and the one that is done takes over the
    end of another's. So one process starts the servers and browsers that a folder's tests share,
    and waits for them while others need the cores; and no long test is left for the end.
    """
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> tuple[int, str]:
    """Return what a test's place in the run follows from: smaller is earlier."""
    path = item.path.relative_to(Path(__file__).parent).as_posix()
    places = [place for place, name in enumerate(FIRST) if f"{path}/".startswith(f"{name}/")]
    return min(places, default=len(FIRST)), path.rpartition("/")[0]


@pytest.fixture(autouse=True, scope="session")
def _servers_end_at_once():
    """Let a server look at once whether it shall end, and not each half second.

    Many tests end one, and spent most of their time there.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseServer.serve_forever, "__defaults__", (0.01,))
        yield


def _close(connection):
    """Close a connection also while a browser's event loop runs in this thread."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        connection.close()


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_blocker, tmp_path_factory):  # noqa: ARG001
    """Give this process a database of its own: a copy of the tables, in place of migrations."""
    import dj_database_url
    from django.conf import settings as hub
    from django.db import connection

    from tests import tables

    with django_db_blocker.unblock():
        usual = hub.DATABASES["default"]
        connection.close()
        if usual["ENGINE"] == "django.db.backends.sqlite3":
            folder = tmp_path_factory.mktemp("hub")
            tables.lay(folder)
            connection.settings_dict["NAME"] = usual["NAME"] = str(folder / tables.NAME)
            yield
            _close(connection)
            return
        server = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format_map(usual)
        with tables.database(server) as address:
            name = dj_database_url.parse(address)["NAME"]
            connection.settings_dict["NAME"] = usual["NAME"] = name
            yield
            _close(connection)
