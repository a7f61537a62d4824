# SPDX-License-Identifier: Apache-2.0
"""A companion's rows change a step at a time, and what a person asked for is not forgotten."""

from itertools import pairwise

import pytest

from stemtide.agent.config.companion import HmaSettings
from stemtide.agent.hma import rows
from stemtide.agent.hma.sync import forget_rebuild, request_rebuild, requested_rebuild
from stemtide.agent.store.database import Store
from tests.agent.companions import BLOCK


def test_what_was_asked_for_meanwhile_is_done_as_well_and_anew_outweighs_a_comparison(tmp_path):
    with Store(tmp_path) as store:
        request_rebuild(store, is_anew=False)
        begun = requested_rebuild(store)
        request_rebuild(store, is_anew=True)
        forget_rebuild(store, begun)
        request_rebuild(store, is_anew=False)
        assert requested_rebuild(store) == "anew"
        forget_rebuild(store, "anew")
        assert requested_rebuild(store) == ""


def insert_banked(store, number, *, column, value):
    with store.write() as tx:
        tx.executemany(
            f"INSERT INTO banked (signal, bank, kind, value, wanted, {column})"  # noqa: S608 - our own names
            " VALUES (?, ?, 'pdq', x'00', 1, ?)",
            [(f"s{one}", BLOCK, value) for one in range(number)],
        )


def number_of(store, condition):
    return store.read(f"SELECT count(*) FROM banked WHERE {condition}")[0][0]  # noqa: S608 - our own names


def test_no_step_about_what_expired_holds_the_file_for_long(tmp_path):
    with Store(tmp_path) as store:
        insert_banked(store, 2 * rows.STEP + 5, column="expires_at", value=1.0)
        left = [number_of(store, "1")]
        after = 0
        while after is not None:
            after = rows.unmark_expired(store, after=after, now=2.0)
            left.append(number_of(store, "1"))
        assert left[-1] == 0
        assert max(a - b for a, b in pairwise(left)) <= rows.STEP


@pytest.mark.parametrize(
    ("column", "value", "hma", "wanted"),
    [
        ("asked_at", 1.0, "http://127.0.0.1:1", "asked_at IS NULL AND doubt_at = 1.0"),
        ("refused", "no", "http://127.0.0.1:1", "refused = ''"),
        ("content", 7, "http://127.0.0.1:2", "0"),
    ],
    ids=["asked", "refused", "another"],
)
def test_no_step_of_the_beginning_holds_the_file_for_long(tmp_path, column, value, hma, wanted):
    with Store(tmp_path) as store:
        insert_banked(store, rows.STEP + 5, column=column, value=value)
        rows.claim(store, BLOCK, hma=hma)
        given = HmaSettings(url="http://127.0.0.1:1")
        left = [number_of(store, f"NOT ({wanted})")]
        after = 0
        while after is not None:
            after = rows.resume(store, given, after=after)
            left.append(number_of(store, f"NOT ({wanted})"))
        assert left[-1] == 0
        assert max(a - b for a, b in pairwise(left)) <= rows.STEP
        assert rows.is_ours(store, BLOCK) == (hma == given.url)
