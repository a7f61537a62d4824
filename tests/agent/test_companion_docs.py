# SPDX-License-Identifier: Apache-2.0
"""The pages about HMA say what is: settings are taken, the program works, fields are there."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from stemtide.agent.config.companion import HmaSettings
from stemtide.agent.config.settings import load
from tests.agent.companions import BLOCK, pdq, standing, until_holds, with_companion
from tests.agent.fake_hma import FakeHma
from tests.agent.test_config import GOOD
from tests.agent.world import until

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "use/connect/hma.md").read_text("utf-8")
RUN = (DOCS / "run/agent.md").read_text("utf-8")


@pytest.fixture
def hma():
    hma = FakeHma().start()
    yield hma
    hma.stop()


@pytest.fixture
def config(hub, hma, tmp_path):
    return with_companion(hub, hma, tmp_path)


def test_the_settings_on_the_page_are_settings(tmp_path):
    (toml,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "agent.toml").write_text(GOOD + toml, "utf-8")
    assert load(tmp_path / "agent.toml", env={}).companion == HmaSettings("http://127.0.0.1:5000")


def test_every_setting_and_every_field_is_on_the_page(agent):
    for one in fields(HmaSettings):
        assert f"`companion.{one.name}`" in RUN, one.name
    for name in set(standing(agent)):
        assert f"`{name}`" in RUN, name


def test_the_program_on_the_page_passes_on_what_hma_matched(hub, hma, agent):
    (source,) = re.findall(r"```py\n(.*?)```", PAGE, re.DOTALL)
    address = str(agent.http.base_url).rstrip("/")
    source = source.replace("http://127.0.0.1:5000", hma.url)
    page = {}
    exec(source.replace("http://127.0.0.1:8471", address), page)  # noqa: S102 - our own page
    signal = hub.share(pdq(), kind="pdq")
    until_holds(hma, BLOCK, [signal.value])
    until(lambda: standing(agent)["handed"] == 4)
    with page["agent"], page["hma"]:
        assert page["verdict"]("post-1", signal.value) == "block"
        assert page["verdict"]("post-2", pdq()) is None
