# SPDX-License-Identifier: Apache-2.0
"""Upload, then share: found, acted on, shown to a moderator, withdrawn, released. And a scan."""

import hashlib

import httpx
import pytest
from playwright.sync_api import expect

from tests import forks
from tests.flows.conftest import NARROW, WIDE, row, until
from tests.flows.test_review_page import CAT, PARTY, SHARER, faults, heard, press, sign_in

pytestmark = [pytest.mark.flow, pytest.mark.browser]


def upload(agent, ref, content):
    """Upload a file; return the action."""
    files = {"file": ("upload", content)}
    answer = httpx.post(f"{agent.address}/match", files=files, data={"ref": ref}, timeout=60)
    return answer.json()["items"][0]["decision"]["action"]


def scan(house, agent, folder):
    """Scan a folder by the command; the agent acts on what matches."""
    config = house.folder / PARTY / "agent.toml"
    words = ["stemtide", "catalogue", "scan", str(folder), "--config", str(config)]
    words += ["--agent", agent.address, "--processes", "1"]
    done = forks.run(words, environment={"HOME": str(house.folder)})
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "phone"])
def test_what_was_uploaded_before_its_signal_is_found_and_released(
    house, chromium, viewport, tmp_path
):
    agent = house.agent(PARTY, review="lock_min = 5")
    house.caught_up(agent)
    page = sign_in(house, agent, chromium, name="Anna", viewport=viewport)
    press(page, "v")
    expect(page.get_by_role("heading", level=1)).to_have_text("Earlier content")
    expect(page.get_by_text("Nothing was scanned.")).to_be_visible()
    assert faults(page) == []

    assert upload(agent, "early", CAT) is None
    (tmp_path / "stored").mkdir()
    (tmp_path / "stored" / "cat.png").write_bytes(CAT)
    with house.client(SHARER) as sharer:
        rows = [row(hashlib.sha256(CAT).hexdigest())]
        shared = sharer.post("/api/v1/signals/bulk", json={"signals": rows}).json()["signals"]
    until(lambda: heard(house, "early") == [("content.hold", None)])
    expect(page.get_by_text("actions on earlier uploads: 1")).to_be_visible()  # by itself

    house.caught_up(agent)
    scan(house, agent, tmp_path / "stored")
    expect(page.get_by_text("finished")).to_be_visible()  # by itself
    expect(page.get_by_text("1, acted on 1")).to_be_visible()
    assert faults(page) == []
    press(page, "q")
    expect(page.get_by_text("2 held")).to_be_visible()
    page.get_by_role("link", name="early").click()
    expect(page.get_by_text("It was uploaded before the signal was shared")).to_be_visible()
    assert faults(page) == []

    with house.client(SHARER) as sharer:
        uid = shared[0]["id"]
        done = sharer.post(f"/api/v1/signals/{uid}/withdraw", json={"reason": "mistake"})
        assert done.status_code in {200, 202}, done.text
    until(lambda: heard(house, "early")[-1] == ("content.release", None))
    press(page, "q")
    expect(page.get_by_text("Nothing is held.")).to_be_visible()
    assert page.troubles == []
