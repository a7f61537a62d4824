# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
import typst

from stemtide.hub.platform import documents as papers
from stemtide.hub.platform.documents import typesetting
from stemtide.hub.platform.documents.typesetting import typeset

HUB = Path(papers.__file__).parents[1]


def test_an_error_of_a_template_is_no_missing_letter(monkeypatch, tmp_path):
    (tmp_path / "broken.typ").write_text("#panic()")
    monkeypatch.setattr(typesetting, "_ROOT", tmp_path)
    with pytest.raises(typst.TypstError):
        typeset(tmp_path / "broken.typ", {}, lang="en")


def test_a_template_outside_the_hub_is_not_read(tmp_path):
    (tmp_path / "any.typ").write_text("= Any")
    with pytest.raises(RuntimeError):
        typeset(tmp_path / "any.typ", {}, lang="en")


def test_the_templates_fetch_nothing():
    templates = list(HUB.rglob("*.typ"))
    found = "".join(one.read_text("utf-8") for one in templates)
    assert len(templates) > 2
    assert "@preview" not in found
    assert "http" not in found
    assert "eval(" not in found
