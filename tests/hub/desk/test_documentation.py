# SPDX-License-Identifier: Apache-2.0
"""The hub serves the site of the documentation, and nothing else of its disk."""

import pytest
from django.test import Client

from stemtide.hub.desk.documentation import views


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A site of two files, and a secret beside it."""
    folder = tmp_path / "site"
    (folder / "_static").mkdir(parents=True)
    (folder / "README.html").write_text("<h1>Stemtide</h1>")
    (folder / "_static/search.js").write_text("1;")
    (tmp_path / "secret.key").write_text("secret")
    monkeypatch.setattr(views, "SITE", folder)
    views._files.cache_clear()
    yield
    views._files.cache_clear()


@pytest.mark.usefixtures("site")
def test_everybody_reads_the_documentation_under_a_policy_without_inline_scripts():
    first = Client().get("/docs/")
    assert first.headers["Location"] == "/docs/README.html"
    page = Client().get("/docs/README.html")
    assert page.content == b"<h1>Stemtide</h1>"
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    assert not page.cookies
    script = Client().get("/docs/_static/search.js")
    assert script.headers["Content-Type"] == "text/javascript; charset=utf-8"


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("name", ["../secret.key", "%2e%2e/secret.key", "_static", "x.html"])
def test_what_is_not_of_the_site_is_not_found(name):
    assert Client().get(f"/docs/{name}").status_code == 404


def test_a_checkout_without_a_site_says_how_to_build_it(tmp_path, monkeypatch):
    monkeypatch.setattr(views, "SITE", tmp_path / "none")
    views._files.cache_clear()
    answer = Client().get("/docs/")
    views._files.cache_clear()
    assert answer.status_code == 404
    assert "make docs" in answer.content.decode()
