# SPDX-License-Identifier: Apache-2.0
"""The recipes of docs/use/upload-path.md run as they stand, over HTTP, with a real agent.

tusd, MinIO and pict-rs are played by requests as their documentation shows them.
"""

import os
import re
import secrets
import sys
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from stemtide.fingerprints.sandbox.pool import Sandbox
from tests.agent.fake_hub import FakeHub, Server
from tests.agent.world import agent_of, config_of

PAGE = Path(__file__).parents[2] / "docs/use/upload-path.md"
ORDINARY = b"An ordinary note about the harbour."
KNOWN = b"A note that an authority knows, word for word."
AGENT = "http://127.0.0.1:8471"


def recipe(title):
    """The code below a heading of the page."""
    section = PAGE.read_text("utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return code


def load(title, **names):
    """Run the code of a recipe as a module, and return it. names: what it finds before it runs."""
    module = ModuleType("recipe")
    vars(module).update(names)
    exec(compile(recipe(title), str(PAGE), "exec"), vars(module))  # noqa: S102  # our own page
    return module


@pytest.fixture(scope="module")
def agent_url(tmp_path_factory):
    """An agent that blocks one file."""
    hub = FakeHub().start()
    hub.share(sha256(KNOWN).hexdigest(), kind="sha256")
    folder = tmp_path_factory.mktemp("agent")
    with Sandbox() as sandbox, agent_of(config_of(hub, folder), sandbox) as agent:
        agent.wait_position(hub.head)
        yield str(agent.http.base_url)
    hub.stop()


@pytest.fixture
def uploads(agent_url, monkeypatch):
    """The page's uploads.py, which asks the agent."""
    module = load("Ask the agent")
    module.agent.base_url = agent_url
    monkeypatch.setitem(sys.modules, "uploads", module)
    yield module
    module.agent.close()


@pytest.fixture
def served():
    """Serve the app of a recipe on loopback."""
    servers, clients = [], []

    def serve(module):
        servers.append(Server(module.app))
        clients.append(httpx.Client(base_url=servers[-1].url, timeout=60))
        return clients[-1]

    yield serve
    for one in clients:
        one.close()
    for server in servers:
        server.stop()


def go_away(uploads):
    """Have nobody listen where the agent was."""
    uploads.agent.base_url = "http://127.0.0.1:9"


def test_the_module_says_what_to_do_also_when_the_agent_is_away(uploads):
    assert uploads.verdict("a", ORDINARY) == "publish"
    assert uploads.verdict("b", BytesIO(KNOWN)) == "block"
    go_away(uploads)
    assert uploads.verdict("c", ORDINARY) == "hold"
    uploads.AWAY = "publish"
    assert uploads.verdict("d", KNOWN) == "publish"


def test_an_agent_that_has_no_signals_yet_is_away(uploads, tmp_path):
    hub = FakeHub().start()
    hub.stop()  # it never gets any
    with Sandbox() as sandbox, agent_of(config_of(hub, tmp_path), sandbox) as agent:
        uploads.agent.base_url = str(agent.http.base_url)
        assert uploads.verdict("a", ORDINARY) == "hold"


def test_an_endpoint_of_starlette_refuses_publishes_and_holds(uploads, served):
    client = served(load("Starlette and FastAPI"))
    known = client.post("/uploads", files={"file": ("n.txt", KNOWN)})
    assert (known.status_code, known.json()) == (422, {"error": "This file cannot be published."})
    ordinary = client.post("/uploads", files={"file": ("n.txt", ORDINARY)})
    assert (ordinary.status_code, ordinary.json()["published"]) == (201, True)
    go_away(uploads)
    held = client.post("/uploads", files={"file": ("n.txt", ORDINARY)})
    assert (held.status_code, held.json()["published"]) == (201, False)


@pytest.mark.usefixtures("uploads")
def test_a_form_of_django_refuses_and_remembers_its_verdict():
    form_of = load("Django").UploadForm
    refused = form_of({}, {"file": SimpleUploadedFile("n.txt", KNOWN)})
    assert refused.errors == {"file": ["This file cannot be published."]}
    form = form_of({}, {"file": SimpleUploadedFile("n.txt", ORDINARY)})
    assert form.is_valid()
    assert (form.verdict, form.cleaned_data["file"].read()) == ("publish", ORDINARY)


def hook_of_tusd(path, *, kind="pre-finish"):
    upload = {
        "ID": secrets.token_hex(16),
        "Size": path.stat().st_size,
        "MetaData": {"filename": "n.txt"},
        "Storage": {"Type": "filestore", "Path": str(path), "InfoPath": f"{path}.info"},
    }
    return {"Type": kind, "Event": {"Upload": upload, "HTTPRequest": {"Method": "PATCH"}}}


@pytest.mark.usefixtures("uploads")
def test_a_hook_of_tusd_refuses_what_is_blocked_and_reads_no_other_folder(served, tmp_path):
    module = load("tusd")
    module.FOLDER = tmp_path / "uploads"
    module.FOLDER.mkdir()
    client = served(module)
    for content, said in ((KNOWN, 422), (ORDINARY, None)):
        path = module.FOLDER / secrets.token_hex(8)
        path.write_bytes(content)
        hook = hook_of_tusd(path)
        answer = client.post("/tusd", json=hook)
        assert answer.status_code == 200
        assert answer.json().get("HTTPResponse", {}).get("StatusCode") == said
        expected = "block" if said else "publish"
        assert module.decisions[hook["Event"]["Upload"]["ID"]] == expected
    assert client.post("/tusd", json=hook_of_tusd(path, kind="post-finish")).json() == {}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(ORDINARY)
    for outside in (elsewhere, module.FOLDER / ".." / "elsewhere"):
        assert client.post("/tusd", json=hook_of_tusd(outside)).status_code == 403


def test_objects_of_a_bucket_are_published_only_if_they_may(uploads, served, monkeypatch):
    objects = {"known.txt": KNOWN, "my note.txt": ORDINARY}
    public = []
    storage = ModuleType("storage")
    storage.read = lambda _bucket, key: objects[key]
    storage.publish = lambda bucket, key: public.append((bucket, key))
    monkeypatch.setitem(sys.modules, "storage", storage)
    monkeypatch.setitem(os.environ, "BUCKET_TOKEN", "a-token")
    client = served(load("S3 and MinIO"))
    records = [
        {
            "eventName": "s3:ObjectCreated:Put",
            "s3": {"bucket": {"name": "in"}, "object": {"key": key}},
        }
        for key in ("known.txt", "my+note.txt")
    ]
    body = {"EventName": "s3:ObjectCreated:Put", "Key": "in/known.txt", "Records": records}
    assert client.post("/events", json=body).status_code == 403
    assert (
        client.post("/events", json=body, headers={"Authorization": "Bearer x"}).status_code == 403
    )
    token = {"Authorization": "Bearer a-token"}
    assert client.post("/events", json=body, headers=token).status_code == 204
    assert public == [("in", "my note.txt")]
    go_away(uploads)
    assert client.post("/events", json=body, headers=token).status_code == 204
    assert public == [("in", "my note.txt")]


def test_pict_rs_takes_what_may_be_published_alone(uploads, served):
    client = served(load("Lemmy and pict-rs"))
    text = {"Content-Type": "image/png"}
    assert client.post("/validate", content=ORDINARY, headers=text).status_code == 200
    assert client.post("/validate", content=KNOWN, headers=text).status_code == 403
    go_away(uploads)
    assert client.post("/validate", content=ORDINARY, headers=text).status_code == 403
