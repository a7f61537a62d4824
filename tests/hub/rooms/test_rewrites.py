# SPDX-License-Identifier: Apache-2.0
"""The owner of the database rewrites a hub's past in many ways; each of them is named."""

import asyncio
from pathlib import Path

import pytest
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.db import connection
from starlette.applications import Starlette
from starlette.routing import Mount

from stemtide.agent.config.settings import Config
from stemtide.agent.hub.client import Client
from stemtide.agent.store.database import Store
from stemtide.agent.store.log.heads import read_log
from stemtide.agent.store.position import set_state
from stemtide.agent.sync.witness import LogWitness
from stemtide.hub.rooms.transparency.reads import log as reads
from stemtide.hub.rooms.transparency.reads.verification import verify
from stemtide.protocol.tlog.notes import read_checkpoint
from tests.agent.fake_hub import Server
from tests.cli.conftest import run
from tests.hub import rewrites
from tests.hub.conftest import guards_lifted
from tests.hub.rewrites import AGENT, AUDITOR, COMMAND, KEPT, REWRITES
from tests.rounds import rounds

PAGE = Path(__file__).parents[3] / "docs/understand/transparency-log.md"
FIRST = {row.named_by: row for row in reversed(REWRITES)}
"""The first rewrite that each of these names."""


def kept_note() -> str:
    return reads.head(now=rewrites.LATER, is_member=True).note


@pytest.mark.parametrize(
    "rewrite",
    rounds(
        [FIRST[COMMAND], FIRST[KEPT]],
        nightly=[row for row in REWRITES if row.named_by in {COMMAND, KEPT}],
    ),
    ids=lambda row: row.act.__name__,
)
def test_a_check_names_a_rewrite(world, rewrite):
    rewrites.build(world)
    head = read_checkpoint(kept_note(), trusted=reads.log_keys())
    assert verify(outside_heads=[head]).flaws == []
    rewrites.lift_guards()
    expected = rewrite.act()
    own = verify().flaws
    assert {(flaw.kind.value, flaw.number) for flaw in own} == expected
    given = own if rewrite.named_by == COMMAND else verify(outside_heads=[head]).flaws
    assert rewrite.is_named_in("\n".join(flaw.text for flaw in given)), given


class RunningHub:
    """A hub on the database of this test, with an auditor and an agent that saw its log before."""

    def __init__(self, folder, *, address, key):
        self.folder, self.address, self.key = folder, address, key
        name = connection.settings_dict["NAME"]
        server = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}"
        self.database = (
            f"sqlite:///{name}"
            if connection.vendor == "sqlite"
            else server.format_map(connection.settings_dict)
        )
        self.config = Config(
            name="uploads", hub_url=address, key=self.key, data_dir=folder / "agent"
        )
        with Store(self.config.data_dir) as store, store.write() as tx:
            set_state(tx, hub="hub", party="small-forum", exercise="0")

    def keep(self, namer):
        """Have somebody keep what the hub shows, before it is rewritten."""
        if namer == KEPT:
            (self.folder / "kept").write_text(kept_note(), "utf-8")
        elif namer == AUDITOR:
            copied = self.stemtide("ledger", "copy", self.folder / "copy", "--hub", self.address)
            assert copied.code == 0, copied.err
        elif namer == AGENT:
            assert self.witness() == ""

    def stemtide(self, *words):
        return run(
            *words,
            STEMTIDE_DATA_DIR=str(settings.DATA_DIR),
            STEMTIDE_DATABASE_URL=self.database,
            STEMTIDE_KEY=self.key,
        )

    def witness(self):
        """Have the agent check the log; return its alarm."""
        with Store(self.config.data_dir) as store:
            client = Client(self.config)
            witness = LogWitness(config=self.config, store=store, client=client, again_s=0)

            async def check():
                async with client:
                    await witness.check()

            asyncio.run(check())
            assert witness.trouble == ""
            alarm = read_log(store.read).alarm
            return alarm.text if alarm else ""

    def say(self, namer):
        """What the one who names a rewrite says of this hub now."""
        if namer == AGENT:
            return self.witness()
        words = {
            COMMAND: [],
            KEPT: ["--from", self.folder / "kept"],
            AUDITOR: [self.address, "--from", self.folder / "copy"],
        }[namer]
        done = self.stemtide("ledger", "verify", *words)
        assert done.code == (1 if "hold" in done.err else 0), done.err
        return done.out if done.code else ""


@pytest.fixture
def hub(committed_world, tmp_path, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)  # the server's threads end
    key = committed_world.key(committed_world.small_provider)
    rewrites.build(committed_world)
    server = Server(Starlette(routes=[Mount("/", get_asgi_application())]))
    try:
        yield RunningHub(tmp_path, address=server.url, key=key)
    finally:
        server.stop()


@pytest.mark.parametrize(
    "rewrite", rounds([FIRST[COMMAND]], nightly=REWRITES), ids=lambda row: f"{row.act.__name__}"
)
def test_a_rewrite_is_named_by_the_command_or_an_agent(hub, rewrite):
    hub.keep(rewrite.named_by)
    with guards_lifted():
        rewrite.act()
    text = hub.say(rewrite.named_by)
    assert rewrite.is_named_in(text), text


def test_the_page_has_each_rewrite_with_its_words():
    page = PAGE.read_text("utf-8")
    table = "".join(f"| {at} | {row.row}\n" for at, row in enumerate(REWRITES, start=1))
    assert table in page
