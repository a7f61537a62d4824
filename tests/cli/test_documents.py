# SPDX-License-Identifier: Apache-2.0
"""Documents and their seals on the command line, against a real hub on loopback."""

import pytest

from tests.cli.test_room import say


@pytest.mark.nightly
def test_the_certificates_of_a_hub_are_written_to_a_file(hub, newcomer, tmp_path):
    said = say(hub, "document", "certificate", "--out", tmp_path / "hub.pem", party=newcomer)
    assert said.code == 0, said.err
    assert (tmp_path / "hub.pem").read_text("ascii").count("BEGIN CERTIFICATE") == 1
    assert "Compare it by telephone" in said.err


def test_a_document_that_is_none_is_not_genuine(hub, newcomer, tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"no pdf")
    said = say(hub, "document", "verify", tmp_path / "a.pdf", party=newcomer, code=1)
    assert said.out.split()[0] == "unreadable"
