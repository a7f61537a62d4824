# SPDX-License-Identifier: Apache-2.0
"""`stemtide agent policy`: past decisions judged again by another policy, while the agent runs."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from stemtide.agent.config.policy import Policy
from stemtide.agent.outbox.actions import MatchReason
from stemtide.agent.recognise.decisions import earlier_hit, try_policy
from stemtide.matching.found import Occurrence, TimeRange
from stemtide.protocol.enums import Action, SignalState
from tests.agent.test_decide import hit
from tests.agent.world import agent_of, config_of, sha256
from tests.cli.conftest import run

EVER = datetime(2020, 1, 1, tzinfo=UTC)
STRICT = """[[policy.rules]]
name = "one is enough"
action = "block"
min_parties = 1
min_confidence = 90

[[policy.rules]]
name = "rest"
action = "log"
"""


def shared(hub, agent):
    """Share three values; upload them, and seven of which nothing is known."""
    signals = [
        hub.share(sha256(b"by an authority")),
        hub.share(sha256(b"by one"), shared_by="another-provider"),
        hub.share(sha256(b"unsure"), shared_by="another-provider", confidence=50),
    ]
    agent.wait(position=hub.head)
    values = [b"by an authority", b"by one", b"unsure", *(b"%d" % n for n in range(7))]
    agent.ask(*({"ref": f"post-{n}", "sha256": sha256(v)} for n, v in enumerate(values)))
    return signals


@pytest.fixture
def asked(hub, tmp_path, sandbox):
    """An agent that answered ten look-ups, and what its command needs."""
    (tmp_path / "next.toml").write_text(STRICT)
    config = config_of(hub, tmp_path)
    settings = {"name": config.name, "hub_url": hub.url, "key": "k", "data_dir": config.data_dir}
    (tmp_path / "agent.toml").write_text("".join(f'{k} = "{v}"\n' for k, v in settings.items()))
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        agent.signals = shared(hub, agent)
        yield agent


def try_next(tmp_path, *words):
    said = run(
        *("agent", "policy", "try", tmp_path / "next.toml", "--config", tmp_path / "agent.toml"),
        *words,
    )
    assert said.code == 0, said.err
    return said


def test_the_numbers_and_the_differences_are_listed(asked, tmp_path):
    numbers, *rows = try_next(tmp_path, "--json").rows
    assert (numbers["lookups"], numbers["decisions"], numbers["differ"]) == (10, 3, 2)
    assert numbers["done"] == {"block": 1, "hold": 2}
    assert numbers["would"] == {"block": 2, "log": 1}
    found = {row["ref"]: (row["done"], row["would"], row["rule"], row["signal"]) for row in rows}
    assert found == {
        "post-1": ("hold", "block", "one is enough", str(asked.signals[1].id)),
        "post-2": ("hold", "log", "rest", str(asked.signals[2].id)),
    }
    assert {row["shared_by"] for row in rows} == {"another-provider"}
    assert asked._store.read("SELECT count(*) FROM acted") == [(3,)]  # and nothing was changed


@pytest.mark.usefixtures("asked")
def test_people_read_the_same_and_the_newest_first(tmp_path):
    said = try_next(tmp_path, "--limit", "1")
    head, columns, block, hold, log, differ, line = said.out.splitlines()
    assert "10 look-ups since" in head
    assert head.endswith("3 matched")
    assert columns.split() == ["done", "in", "force", "next.toml"]
    assert [row.split() for row in (block, hold, log)] == [
        ["block", "1", "1", "2"],
        ["hold", "2", "2", "0"],
        ["log", "0", "0", "1"],
    ]
    assert differ in {
        "2 of 10 would differ: 1 hold -> block, 1 hold -> log",
        "2 of 10 would differ: 1 hold -> log, 1 hold -> block",
    }
    assert "hold -> " in line
    assert "signal" in line
    assert "1 of 2 listed" in said.err


def test_what_the_policy_in_force_would_now_do_as_well_is_marked(hub, asked, tmp_path):
    signal = asked.signals[1]
    hub.confirm(signal, "small-provider")
    asked.wait(position=hub.head)
    _, *rows = try_next(tmp_path, "--json").rows
    assert {row["ref"]: row["in_force"] for row in rows} == {"post-1": "block", "post-2": "hold"}
    line = next(line for line in try_next(tmp_path).out.splitlines() if "post-1" in line)
    assert line.endswith("(the policy in force would now do the same)")


def test_a_decision_whose_signal_expired_is_not_judged(hub, asked, tmp_path):
    hub.withdraw(asked.signals[0], state=SignalState.EXPIRED)
    asked.wait(position=hub.head)
    numbers = try_next(tmp_path, "--json").rows[0]
    assert (numbers["decisions"], numbers["not_judged"], numbers["lookups"]) == (2, 1, 10)


@pytest.mark.usefixtures("asked")
def test_only_decisions_since_a_time_are_judged(tmp_path):
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d")
    (numbers,) = try_next(tmp_path, "--json", "--since", tomorrow).rows
    assert (numbers["lookups"], numbers["decisions"]) == (0, 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[policy.rules]]\nname = ", "is not TOML"),
        ('[[policy.rules]]\naction = "delete"', "policy.rules[1].action: must be one of log, hold"),
    ],
)
def test_a_wrong_file_is_named_with_line_or_key(tmp_path, text, said):
    (tmp_path / "next.toml").write_text(text)
    done = run("agent", "policy", "try", tmp_path / "next.toml")
    assert done.code == 1
    assert f"{tmp_path / 'next.toml'}: " in done.err
    assert said in done.err


def test_the_policy_in_force_is_shown_in_its_order(tmp_path):
    text = 'name = "a"\nhub_url = "https://h.example"\nkey = "k"\ndata_dir = "var"\n' + STRICT
    text += 'shadow = true\n[policy.shadow]\nparties = ["gifct"]\n'
    (tmp_path / "agent.toml").write_text(text)
    shown = run("agent", "policy", "show", "--config", tmp_path / "agent.toml")
    assert shown.out.splitlines() == [
        "block one is enough: min_confidence = 90; min_parties = 1",
        "log   rest (in shadow): everything else",
    ]
    assert "in shadow: gifct" in shown.err


@given(
    st.integers(0, 100),
    st.floats(0, 3600) | st.none(),
    st.sampled_from(["", "mirrored"]),
    st.sampled_from(["", "on this agent's own allow-list: ours"]),
)
def test_a_match_is_judged_again_as_it_was(percent, lasts_s, transform, allowed):
    span = None if lasts_s is None else TimeRange(7.0, 7.0 + lasts_s)
    found = (Occurrence(1, 5.0, percent / 100, query_span=span),)
    first = hit(kind="video", distance_bits=0)
    met = type(first)(
        *(first.signal, first.kind, 0, "film.mp4", percent, transform, found, allowed)
    )
    reason = MatchReason(
        str(met.signal.id), Action.LOG, met.kind, 0, met.part, percent, transform, met.matched_s,
        allowed,
    )  # fmt: skip
    again = earlier_hit(met.signal, reason)
    assert again.matched_s == met.matched_s
    assert (again.match_percent, again.transform, again.allowed, again.part, again.kind) == (
        percent, transform, allowed, "film.mp4", "video",
    )  # fmt: skip


def test_look_ups_that_matched_nothing_are_counted_when_the_agent_ends(config, sandbox):
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        agent.ask({"sha256": sha256(b"x")}, {"sha256": sha256(b"y")})
    trial = try_policy(config.data_dir, Policy(), in_force=Policy(), since=EVER)
    assert (trial.lookups, trial.decisions) == (2, 0)
