# SPDX-License-Identifier: Apache-2.0
"""The command of the transparency report, against a real hub on loopback."""

import zipfile

from tests.cli.conftest import run

FORM = """
provider = "Video"
service = "Video"
complete = ["orders"]

[[cells]]
sheet = "4_notices"
row = "7a"
column = "received"
value = 12
"""


def test_a_form_is_sent_and_a_version_finished_and_saved(hub, tmp_path):
    def report(*words, code=0, party="big-video"):
        key = hub.keys[party]
        words = ("report", "dsa", "--year", 2025, *words)
        outcome = run(*words, STEMTIDE_HUB_URL=hub.address, STEMTIDE_KEY=key)
        assert outcome.code == code, outcome.err
        return outcome

    (tmp_path / "form.toml").write_text(FORM)
    first = report("--form", tmp_path / "form.toml", "--finish")
    assert "Version 1, finished" in first.err
    assert "4_notices" in first.out
    report("--version", 1, "--out", tmp_path / "v1.zip")
    with zipfile.ZipFile(tmp_path / "v1.zip") as archive:
        assert b"KEYWORD_COPYRIGHT_INFRINGEMENT,,12," in archive.read("4_notices.csv")
    assert "is there already" in report("--out", tmp_path / "v1.zip", code=2).err
    assert "say what changed" in report("--finish", code=1).err
    assert "made by providers" in report(code=1, party="be-crisis-centre").err
