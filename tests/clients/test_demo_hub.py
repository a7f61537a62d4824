# SPDX-License-Identifier: Apache-2.0
"""`stemtide demo --hub-only`: what a client's user is given."""

import httpx
import pytest

from tests.cli.conftest import run
from tests.clients.conftest import demo_hub

pytestmark = pytest.mark.flow
NAMES = {
    *("HUB_URL", "HUB_TOKEN", "TAXII_URL", "TAXII_USER", "TAXII_PASSWORD"),
    *("STOPNCII_KEYS", "STOPNCII_SUBMIT_KEY", "STOPNCII_FEEDBACK_KEY"),
    *("MISP_URL", "MISP_KEY"),
}


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """The command itself, which makes its tables."""
    words = ["stemtide", "demo", "--hub-only", "--env-file"]
    with demo_hub(tmp_path_factory.mktemp("hub") / "stemtide.env", words=words) as variables:
        yield variables


@pytest.mark.nightly
def test_the_file_names_every_address_and_secret(hub):
    assert hub.keys() == NAMES
    assert all(hub.values())


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("name", "party"),
    [
        ("HUB_TOKEN", "be-crisis-centre"),
        ("TAXII_PASSWORD", "big-videos"),
        ("STOPNCII_SUBMIT_KEY", "big-videos"),
        ("STOPNCII_FEEDBACK_KEY", "big-videos"),
        ("MISP_KEY", "big-videos"),
    ],
)
def test_every_key_opens_the_hub(hub, name, party):
    answer = httpx.get(
        f"{hub['HUB_URL']}/api/v1/whoami",
        headers={"Authorization": f"Bearer {hub[name]}"},
        timeout=60,
    )
    assert answer.json()["party"] == party


@pytest.mark.parametrize(
    "words", [("--hub-only",), ("--env-file", "x"), ("--hub-only", "--env-file", "x", "--once")]
)
def test_options_that_do_not_go_together_are_refused(words):
    told = run("demo", *words)
    assert told.code == 2
    assert "--env-file FILE" in told.err


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    told = run("demo", "--hub-only", "--env-file", str(tmp_path / "no" / "where"))
    assert told.code == 1
    assert "cannot be written" in told.err
    assert "database" not in told.err  # it is said before the hub is made
