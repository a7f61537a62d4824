# SPDX-License-Identifier: Apache-2.0
"""The commands that hand child sexual abuse material over to NCMEC and to hotlines."""

import hashlib
import json
import stat
from xml.etree import ElementTree as ET

from tests.cli.conftest import run


def parse(xml):
    return ET.fromstring(xml)  # noqa: S314  # our own text


def report(tmp_path, *words, code=0, at="2026-11-01T10:00:00Z"):
    out = tmp_path / "tip"
    outcome = run("agent", "report", "cybertip", "--at", at, "--out", out, *words)
    assert outcome.code == code, outcome.err
    return outcome


def test_the_files_hold_the_hashes_of_a_file_and_only_their_owner_reads_them(tmp_path):
    upload = tmp_path / "upload"
    upload.write_bytes(b"nothing harmful")
    outcome = report(tmp_path, "--ref", "upload-7", "--file", upload, "--no-viewed")
    details = parse((tmp_path / "tip/file-details.xml").read_bytes())
    hashes = {one.get("hashType"): one.text for one in details.findall("originalFileHash")}
    assert hashes["SHA256"] == hashlib.sha256(b"nothing harmful").hexdigest()
    assert set(hashes) == {"MD5", "SHA1", "SHA256"}
    assert details.findtext("fileViewedByEsp") == "false"
    assert b"upload-7" in (tmp_path / "tip/report.xml").read_bytes()
    for path in ["tip", "tip/report.xml", "tip/file-details.xml"]:
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) & 0o077 == 0
    assert "Nothing was sent" in outcome.err
    assert "personOrUserReported" in outcome.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tip", "upload"]


def test_what_is_wrong_is_refused_before_anything_is_written(tmp_path):
    assert "in the future" in report(tmp_path, at="2999-01-01T00:00:00Z", code=1).err
    assert "write material" in report(tmp_path, "--type", "other", code=2).err
    assert "no kind" in report(tmp_path, "--hash", "crc:00", code=1).err
    assert not (tmp_path / "tip").exists()
    report(tmp_path)
    assert "is there already" in report(tmp_path, code=2).err


def test_hotlines_have_sources_and_a_country_without_a_row_is_sent_to_the_network():
    rows = [
        json.loads(line)
        for line in run("agent", "report", "hotlines", "--json").out.split("\n")[:-1]
    ]
    assert {"NL", "BE"} <= {row["country"] for row in rows}
    assert all(row["source"] and row["as_of"] for row in rows)
    missing = run("agent", "report", "hotlines", "--country", "pl")
    assert (missing.code, "inhope.org" in missing.err) == (1, True)
