# SPDX-License-Identifier: Apache-2.0
"""The commands that record preservation of content by other laws than Article 6."""

from uuid import uuid4

import pytest

from tests.cli.test_room import say

EPOC_PR = ("--basis", "e_evidence", "--authority", "A judge", "--reference", "EP-7")


@pytest.mark.nightly
def test_authorities_and_providers_have_endpoints_of_their_own(hub, newcomer):
    uid, row = str(uuid4()), str(uuid4())
    since = ("--since", "2026-11-24T12:00:00Z")
    for *command, scope in (
        ("note-preserved", uid, *EPOC_PR, *since, "orders:write"),
        ("note-preserved", uid, *EPOC_PR, *since, "--as-provider", "answers:write"),
        ("note-extended", uid, row, "--production", "EPOC-8", "orders:write"),
        ("note-extended", uid, row, "--as-provider", "answers:write"),
        ("note-ended", uid, row, "orders:write"),
        ("note-ended", uid, row, "--as-provider", "answers:write"),
    ):
        said = say(hub, "order", *command, party=newcomer, code=1)
        assert f"this key lacks the scope {scope}" in said.err, command
