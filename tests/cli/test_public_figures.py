# SPDX-License-Identifier: Apache-2.0
"""stemtide report check: a stranger asks a running hub, and an auditor its database."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from tests.cli.conftest import surroundings
from tests.hub.api.conftest import wait_until

PUBLISH = """
from datetime import UTC, datetime
from stemtide.hub import boot
boot.start()
from stemtide.hub.rooms.reports.rules import public_figures as rules
from stemtide.hub.rooms.reports.writes import public_figures
from stemtide.protocol.figures.quarters import Quarter
due = Quarter.of(datetime.now(UTC).date()).until + rules.AFTER
print(public_figures.publish_due(due))
"""


@pytest.fixture
def quarter(stemtide, hub):
    """Publish the figures of this quarter, as if it were over; return its name."""
    environment = surroundings({"STEMTIDE_DATA_DIR": str(hub.folder)})
    subprocess.run([sys.executable, "-c", PUBLISH], check=True, env=environment)
    done = stemtide("report", "check", "--data-dir", hub.folder, "--json")
    assert done.code == 0, (done.out, done.err)
    return done.rows[0]["quarter"]


@pytest.mark.nightly
def test_an_auditor_recounts_figures_and_is_told_what_was_changed(stemtide, hub, quarter):
    done = stemtide("report", "check", quarter, "--data-dir", hub.folder)
    assert "figures hold." in done.out
    path = hub.folder / "hub.sqlite3"

    def write(old, new):
        with closing(sqlite3.connect(path, timeout=60)) as database, database:
            query = "UPDATE reports_publishedfigures SET body = replace(body, ?, ?)"
            database.execute(query, (old, new))

    changes = ('"name":"crises_ended","overlaps":false,"rows":[],"total":0', '"total":7')
    changes = (changes[0], changes[0].replace('"total":0', changes[1]))
    write(*changes)
    done = stemtide("report", "check", "--data-dir", hub.folder)
    assert done.code == 1
    assert "crises_ended / all / all: published 7, the ledger gives 0" in done.out
    assert "others than those whose digest is in the ledger" in done.out
    write(*reversed(changes))


@pytest.mark.nightly
def test_a_stranger_checks_the_figures_of_a_running_hub(stemtide, hub, quarter, tmp_path):
    # A day has not passed: a member's key gives the newest head, as strangers get it tomorrow.
    file = tmp_path / "key"
    file.write_text(hub.keys["rights-watch"], "utf-8")
    file.chmod(0o600)
    ask = ("report", "check", quarter, "--hub", hub.address)

    def check():
        return stemtide(*ask, STEMTIDE_KEY_FILE=str(file))

    wait_until(lambda: "the log has the digest" in check().out)
    assert check().code == 0
    assert stemtide(*ask).code == 1  # the public head is a day old, and there is none yet
    assert "24 hours old" in stemtide(*ask).err


def test_a_wrong_quarter_is_named(stemtide, hub):
    done = stemtide("report", "check", "2026", "--hub", hub.address)
    assert done.code == 2
    assert "write one such as 2026-Q3" in done.err
    done = stemtide("report", "check", "2001-Q1", "--data-dir", hub.folder)
    assert done.code == 1
    assert "there is nothing of these figures" in done.out
