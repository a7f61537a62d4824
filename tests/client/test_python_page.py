# SPDX-License-Identifier: Apache-2.0
"""Every block of docs/use/python.md runs as it stands, and prints what the page says."""

import re
from pathlib import Path

import pytest

from stemtide.client import HubError, Limits, errors
from tests.clients.conftest import throw_away_hub
from tests.clients.test_connect_pages import as_pattern, blocks, run

PAGE = Path(__file__).parents[2] / "docs/use/python.md"


@pytest.mark.nightly
@pytest.mark.flow
def test_the_blocks_of_the_page_work_as_they_stand(tmp_path):
    found = blocks(PAGE.read_text("utf-8"))
    assert len(found) >= 6
    with throw_away_hub(tmp_path) as variables:
        for block in found:
            said = run(block, folder=tmp_path, variables=variables)
            if block.prints is not None:
                assert re.fullmatch(as_pattern(block.prints), said, re.DOTALL), said


def test_the_page_names_every_error_and_every_bound():
    text = PAGE.read_text("utf-8")
    kinds = [one for one in vars(errors).values() if isinstance(one, type)]
    named = [one.__name__ for one in kinds if issubclass(one, HubError)]
    assert [one for one in [*named, *Limits.__dataclass_fields__] if f"`{one}`" not in text] == []
