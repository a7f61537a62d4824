# SPDX-License-Identifier: Apache-2.0
"""What holds for every test.

Examples are made up however long that takes on this machine. SQLite's test database is a file,
whichever test asks for it first.
"""

import pytest
from hypothesis import HealthCheck, settings

from tests.once import open_for_all
from tests.rounds import rounds

# The processes of a run start with this one's environment, and so find what it opens here.
open_for_all()

settings.register_profile(
    "house",
    deadline=None,
    max_examples=rounds(30, nightly=100),
    suppress_health_check=[HealthCheck.too_slow],
)  # a limit of time fails where the machine has other work
settings.load_profile("house")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    tmp_path_factory,
    django_db_modify_db_settings_parallel_suffix,  # noqa: ARG001  # one database for each process
):
    """Put SQLite's test database into a file: threads then meet as processes would."""
    from django.conf import settings as hub
    from django.db import connection

    database = hub.DATABASES["default"]
    if database["ENGINE"] == "django.db.backends.sqlite3":
        name = tmp_path_factory.mktemp("hub") / "tests.sqlite3"
        database.setdefault("TEST", {})["NAME"] = str(name)
        connection.settings_dict.setdefault("TEST", {})["NAME"] = str(name)
