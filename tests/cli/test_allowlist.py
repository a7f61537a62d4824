# SPDX-License-Identifier: Apache-2.0
"""`stemtide allowlist import` reads what agents and other programs write."""

import json

from tests.cli.conftest import run


def test_a_file_with_line_breaks_of_unicode_in_a_text_is_read(tmp_path):
    entry = {"kind": "sha256", "value": "ab" * 32, "source": "a studio", "reason": "one\u2028two"}
    file = tmp_path / "list.jsonl"
    file.write_text(json.dumps(entry, ensure_ascii=False) + "\n", "utf-8")
    done = run("allowlist", "import", str(file), "--hub", "http://127.0.0.1:9", "--key", "k")
    assert str(file) not in done.err  # the file is no problem
    assert "127.0.0.1:9" in done.err
