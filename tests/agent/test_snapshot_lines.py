# SPDX-License-Identifier: Apache-2.0
"""What an agent keeps of the lines of a snapshot."""

import json

from stemtide.agent.counters import Counters
from stemtide.agent.sync.snapshot import FeedReader
from stemtide.protocol.sync.feed import FeedSignal
from tests.agent.fake_hub import FakeHub
from tests.agent.world import sha256


def lines_of(*signals):
    return [json.dumps(signal).encode() for signal in signals]


def test_a_row_has_what_this_version_knows_of_a_line_and_nothing_else():
    shared = FakeHub().share(sha256(b"known"))
    line = json.loads(shared.model_dump_json(exclude={"op"}))
    reader = FeedReader(Counters(1), exercise=False)
    plain, odd = reader.lines(lines_of(line, line | {"smell": "smoke"}), source="a hub").rows
    assert json.loads(odd.body) == json.loads(plain.body) == line
    assert odd[:-1] == plain[:-1]
    assert FeedSignal.model_validate_json(odd.body) == shared


def test_a_line_that_says_what_it_is_gives_the_same_row():
    shared = FakeHub().share(sha256(b"known"))
    line = json.loads(shared.model_dump_json())
    (row,) = FeedReader(Counters(1), exercise=False).lines(lines_of(line), source="a hub").rows
    assert FeedSignal.model_validate_json(row.body) == shared
