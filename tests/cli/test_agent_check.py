# SPDX-License-Identifier: Apache-2.0
"""stemtide agent check tries the path of uploads: hub, agent, and a provider's own address."""

import json
from threading import Event, Thread

import pytest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typer.testing import CliRunner

from stemtide.cli.commands.agent.agent import agent as commands
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.sandbox.walls import Wall
from tests import tesseract
from tests.agent.fake_hub import KEY, FakeHub, Server
from tests.agent.test_upload_path import load
from tests.agent.world import agent_of, config_of, sha256


@pytest.fixture
def hub():
    hub = FakeHub().start()
    hub.share(sha256(b"something"))
    yield hub
    hub.stop()


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as opened:
        yield opened


@pytest.fixture
def running(hub, sandbox, tmp_path):
    with agent_of(config_of(hub, tmp_path), sandbox) as agent:
        agent.wait(ready=True, hub_reachable=True)
        yield agent


@pytest.fixture
def program(running):
    """A provider's program, which asks the agent by the recipe, or not."""
    uploads = load("Ask the agent")
    uploads.agent.base_url = str(running.http.base_url)

    async def upload(request):
        async with request.form() as form:
            if request.headers.get("Authorization") == "Bearer a-token":
                await run_in_threadpool(uploads.verdict, "check", form["file"].file)
        return Response(status_code=201)

    server = Server(Starlette(routes=[Route("/uploads", upload, methods=["POST"])]))
    yield f"{server.url}/uploads"
    server.stop()
    uploads.agent.close()


@pytest.fixture
def check(hub, tmp_path):
    """Run the command; return its exit code and the steps that it prints."""

    def run(*words, port=9, hub_url="", languages=()):
        file = tmp_path / "agent.toml"
        file.write_text(
            f'name = "uploads"\nhub_url = "{hub_url or hub.url}"\nkey = "{KEY}"\nport = {port}\n'
            f'data_dir = "{tmp_path}/agent"\n'
            f"accept_missing_walls = {json.dumps(list(Wall))}\n"
            f"text_in_pictures = {json.dumps(languages)}\n"
        )
        done = CliRunner().invoke(commands, ["check", "--json", "--config", str(file), *words])
        rows = [json.loads(row) for row in done.output.splitlines() if row.startswith("{")]
        steps = {row["step"]: (row["works"], row["text"]) for row in rows if "step" in row}
        return done.exit_code, steps

    return run


def port_of(agent):
    return agent.http.base_url.port


def test_without_an_option_nothing_is_asked(check):
    assert check(hub_url="http://127.0.0.1:9") == (0, {})


@pytest.mark.nightly
@pytest.mark.skipif(not tesseract.is_installed(), reason=tesseract.INSTALL)
def test_the_command_says_whether_text_in_pictures_can_be_read(check):
    assert check(languages=["eng", "nld"]) == (0, {"text_in_pictures": (True, "")})
    code, steps = check(languages=["eng", "xyz"])
    works, text = steps["text_in_pictures"]
    assert (code, works) == (1, False)
    assert "no model for xyz: apt install tesseract-ocr-xyz" in text


def test_a_path_that_works_from_the_upload_to_the_hub(check, running, program):
    token = ("--header", "Authorization: Bearer a-token")
    code, steps = check("--upload", program, *token, port=port_of(running))
    assert code == 0, steps
    assert [name for name, (works, _) in steps.items() if works] == [
        *("hub", "agent", "match", "upload")
    ]
    assert "knows the key of small-provider" in steps["hub"][1]
    assert "answered 201" in steps["upload"][1]


def test_uploads_that_do_not_ask_the_agent_are_named(check, running, program):
    code, steps = check("--upload", program, port=port_of(running))
    assert (code, steps["upload"][0]) == (1, False)
    assert "did not ask this agent" in steps["upload"][1]


@pytest.mark.nightly
def test_it_cannot_tell_whether_the_upload_asked_while_others_ask(check, running, program):
    done = Event()

    def ask():
        while not done.wait(0.01):
            running.ask({"sha256": sha256(b"another")})

    others = Thread(target=ask)
    others.start()
    code, steps = check("--upload", program, port=port_of(running))
    done.set()
    others.join()
    assert (code, steps["upload"][0]) == (1, False)
    assert "cannot tell" in steps["upload"][1]


@pytest.mark.nightly
def test_an_agent_that_ends_during_the_upload_is_named(check):
    """Its counts cannot be read any more."""

    async def health(_request):
        return JSONResponse({"ready": True})

    async def match(_request):
        return JSONResponse({"items": [{"decision": {"action": None}}]})

    routes = [Route("/health", health), Route("/match", match, methods=["POST"])]
    server = Server(Starlette(routes=routes))
    code, steps = check("--upload", server.url, port=server.port)
    server.stop()
    assert (code, steps["upload"][0]) == (1, False)
    assert "does not say what it was asked" in steps["upload"][1]


@pytest.mark.nightly
def test_the_token_goes_to_no_proxy(check, running, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert check("--path", port=port_of(running))[1]["match"][0]


@pytest.mark.nightly
def test_an_upload_address_that_is_away_is_named(check, running):
    code, steps = check("--upload", "http://127.0.0.1:9/uploads", port=port_of(running))
    assert (code, steps["upload"][0]) == (1, False)
    assert "is your program running?" in steps["upload"][1]


def test_an_agent_that_does_not_run_is_named(check):
    code, steps = check("--path")
    assert (code, steps["hub"][0], steps["agent"][0]) == (1, True, False)
    assert "stemtide agent start" in steps["agent"][1]
    assert "match" not in steps


@pytest.mark.nightly
def test_a_hub_that_is_away_and_a_key_that_lacks_a_scope_are_named(check, running, hub):
    hub.scopes = ("feed:read",)
    code, steps = check("--path", port=port_of(running))
    assert (code, steps["match"][0]) == (1, True)
    assert steps["hub"] == (
        False,
        "the key of small-provider lacks feedback:write: make one with it at the hub",
    )
    code, steps = check("--path", port=port_of(running), hub_url="http://127.0.0.1:9")
    assert (code, steps["hub"][0]) == (1, False)


def test_a_header_that_is_none_is_refused(check):
    assert check("--path", "--header", "nonsense")[0] == 2
