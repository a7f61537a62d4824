# SPDX-License-Identifier: Apache-2.0
"""What the page on statements shows is run as it stands, against a database of our own."""

import re
from pathlib import Path

from tests.clients.conftest import plain_environment
from tests.clients.test_connect_pages import as_pattern, blocks, run
from tests.transparency_database import TransparencyDatabase

PAGE = Path(__file__).parents[2] / "docs/use/statements.md"


def test_the_page_posts_its_statement_and_shows_what_is_said(tmp_path):
    (posting,) = blocks(PAGE.read_text("utf-8"))[:1]
    database = TransparencyDatabase().start()
    (tmp_path / "token").write_text(database.token)
    said = run(posting, folder=tmp_path, variables={"DATABASE_URL": database.url})
    database.stop()
    assert re.fullmatch(as_pattern(posting.prints), said), said
    assert list(database.held) == ["k3x9-0001"]
    assert "DATABASE_URL" not in plain_environment()
