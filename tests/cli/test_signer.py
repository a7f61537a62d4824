# SPDX-License-Identifier: Apache-2.0
"""stemtide signer: make a key, register it, and share what is signed with it."""

import csv

import pytest


@pytest.fixture
def key_file(stemtide, tmp_path):
    file = tmp_path / "signer.key"
    done = stemtide("signer", "new", "be-crisis-centre", "--out", file)
    assert done.code == 0, done.err
    return file


@pytest.fixture
def ask(stemtide, hub):
    """Run a command with a key of the party."""
    key = hub.keys["be-crisis-centre"]
    return lambda *words: stemtide(*words, STEMTIDE_KEY=key, STEMTIDE_HUB_URL=hub.address)


def test_a_key_is_made_registered_used_and_revoked(stemtide, ask, key_file, tmp_path):
    assert key_file.stat().st_mode & 0o077 == 0
    public = stemtide("signer", "show", key_file).out.strip()
    assert public.startswith("be-crisis-centre+")
    assert "PRIVATE" not in public
    assert ask("signer", "add", key_file).code == 0
    facts = ("--label", "incitement", "--severity", "low", "--sign-with", key_file)
    value = "ab" * 31 + "cd"
    done = ask("signal", "share", f"sha256:{value}", *facts)
    assert done.code == 0, done.err
    file = tmp_path / "rows.csv"
    with file.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["kind", "value", "labels", "severity"])
        rows.writerow(["sha256", "cd" * 32, "incitement", "low"])
    done = ask("signal", "import", file, "--sign-with", key_file)
    assert done.code == 0, done.err
    feed = ask("feed", "follow", "--once", "--json").rows
    signed = {row["value"]: row["signature"] for row in feed if row.get("signature")}
    assert set(signed) == {value, "cd" * 32}
    assert ask("signer", "revoke", public).code == 2
    assert ask("signer", "revoke", public, "--yes").code == 0
    assert "revoked" in ask("signer", "list").out
    done = ask("signal", "share", f"sha256:{'ef' * 32}", *facts)
    assert done.code == 1
    assert "signing key" in done.err


def test_a_file_that_is_no_key_is_named(stemtide, tmp_path):
    file = tmp_path / "other"
    file.write_text("something", "utf-8")
    done = stemtide("signer", "show", file)
    assert (done.code, str(file) in done.err) == (2, True)
    assert "something" not in done.err
