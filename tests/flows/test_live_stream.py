# SPDX-License-Identifier: Apache-2.0
"""A film is shared at the hub and goes out as a live stream: stopped in time, and let go again."""

import httpx
import pytest

from stemtide.exercises import cast
from stemtide.fingerprints.sandbox.pool import Sandbox
from tests.agent.streams import KNOWN, OTHER, chunks, shared_values
from tests.flows.conftest import row, until

pytestmark = pytest.mark.flow


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_a_stream_of_known_content_is_stopped_within_ten_seconds(house, kind):
    party = cast.PROVIDERS[0]
    agent = house.agent(party, extra="http_workers = 2")
    with Sandbox() as sandbox:
        value = shared_values(sandbox)[kind]
    (shared,) = house.share([row(value, kind=kind)])["signals"]
    house.caught_up(agent)

    def send(seq, blob):
        where, ref = f"{agent.address}/live/tv", {"seq": seq, "ref": "stream-1"}
        kind_of = {"Content-Type": "video/mp2t"}
        answer = httpx.post(where, params=ref, content=blob, headers=kind_of, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    each = chunks(OTHER, KNOWN, OTHER)
    answers = [send(seq, blob) for seq, blob in enumerate(each[:6])]
    first = next(one for one in answers if one["alarms"])
    assert 12 <= first["until_s"] <= 12 + 10
    assert first["alarms"][0]["signal"] == shared["id"]
    heard = house.receivers[party].heard
    until(lambda: [one["type"] for one in heard] == ["content.block"])
    body = {"reason": "mistake", "note": ""}
    house.authority.post(f"/api/v1/signals/{shared['id']}/withdraw", json=body).raise_for_status()
    house.caught_up(agent)
    assert send(6, each[6])["matches"] == []
    until(lambda: [one["type"] for one in heard] == ["content.block", "content.release"])
    assert {one["data"]["ref"] for one in heard} == {"stream-1"}
