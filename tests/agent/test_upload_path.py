# SPDX-License-Identifier: Apache-2.0
"""The recipes of docs/use/upload-path.md run as they stand, over HTTP, with a real agent.

tusd, MinIO, pict-rs, Mastodon, Synapse, WordPress and Discourse are played as their documentation
shows them; nginx, PHP and Ruby are what they are.
"""

import asyncio
import json
import os
import re
import secrets
import socket
import subprocess
import sys
from base64 import b64encode
from enum import StrEnum
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from stemtide.fingerprints.sandbox.pool import Sandbox
from tests import interpreters
from tests.agent.fake_hub import FakeHub, Server
from tests.agent.world import agent_of, config_of, until
from tests.nginx import NGINX, nginx_is_installed

PAGE = Path(__file__).parents[2] / "docs/use/upload-path.md"
ORDINARY = b"An ordinary note about the harbour."
KNOWN = b"A note that an authority knows, word for word."
AGENT = "http://127.0.0.1:8471"


def recipe(title, *, kind="python"):
    """The code below a heading of the page."""
    section = PAGE.read_text("utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    (code,) = re.findall(rf"```{kind}\n(.*?)```", section, re.DOTALL)
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
    client = served(load("Starlette"))
    known = client.post("/uploads", files={"file": ("n.txt", KNOWN)})
    assert (known.status_code, known.json()) == (422, {"error": "This file cannot be published."})
    ordinary = client.post("/uploads", files={"file": ("n.txt", ORDINARY)})
    assert (ordinary.status_code, ordinary.json()["published"]) == (201, True)
    go_away(uploads)
    held = client.post("/uploads", files={"file": ("n.txt", ORDINARY)})
    assert (held.status_code, held.json()["published"]) == (201, False)


def test_an_endpoint_of_fastapi_refuses_publishes_and_holds(uploads, served):
    pytest.importorskip("fastapi")
    client = served(load("FastAPI"))
    known = client.post("/uploads", files={"file": ("n.txt", KNOWN)})
    assert (known.status_code, known.json()) == (422, {"detail": "This file cannot be published."})
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


class SynapseFile:
    """A file that Synapse is about to store, and its facts."""

    def __init__(self, content, *, server_name=None, thumbnail=None):
        self.content, self.server_name, self.thumbnail = content, server_name, thumbnail
        self.file_id = "GerZNDnDZVjsOtar"

    async def write_chunks_to(self, callback):
        for at in range(0, len(self.content), 16):
            callback(self.content[at : at + 16])


class SynapseApi:
    """What a module of Synapse is given."""

    def register_spam_checker_callbacks(self, *, check_media_file_for_spam):
        self.check = check_media_file_for_spam

    async def defer_to_thread(self, function, *arguments):
        return await asyncio.to_thread(function, *arguments)


def test_a_module_of_synapse_refuses_what_may_not_be_published(uploads, monkeypatch):
    for name in ("synapse", "synapse.module_api", "synapse.module_api.errors"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules["synapse.module_api"].NOT_SPAM = "NOT_SPAM"
    sys.modules["synapse.module_api.errors"].Codes = StrEnum("Codes", {"FORBIDDEN": "M_FORBIDDEN"})
    api = SynapseApi()
    load("Matrix, with Synapse").CheckedMedia({}, api)

    def answer(content, **facts):
        file = SynapseFile(content, **facts)
        return asyncio.run(api.check(file, file))

    assert answer(ORDINARY) == "NOT_SPAM"
    assert answer(KNOWN) == answer(KNOWN, server_name="other.example") == "M_FORBIDDEN"
    assert answer(KNOWN, thumbnail=object()) == "NOT_SPAM"
    go_away(uploads)
    assert answer(ORDINARY) == "M_FORBIDDEN"


WORDPRESS = """
function add_filter( $name, $function ) { $GLOBALS['filters'][$name][] = $function; }
function wp_remote_post( $url, $sent ) {
    $lines = '';
    foreach ( $sent['headers'] as $name => $value ) { $lines .= "$name: $value\r\n"; }
    $how = array( 'method' => 'POST', 'header' => $lines, 'content' => $sent['body'],
                  'timeout' => $sent['timeout'], 'ignore_errors' => true );
    $body = @file_get_contents( $url, false, stream_context_create( array( 'http' => $how ) ) );
    if ( $body === false ) { return null; }
    return array( 'code' => (int) explode( ' ', $http_response_header[0] )[1] );
}
function wp_remote_retrieve_response_code( $answer ) { return $answer['code'] ?? ''; }
require $argv[1];
$files = array();
foreach ( $GLOBALS['filters'] as $name => $functions ) {
    foreach ( array_slice( $argv, 2 ) as $path ) {
        $file = array( 'tmp_name' => $path, 'error' => 0 );
        foreach ( $functions as $function ) { $file = $function( $file ); }
        $files[$name][] = $file['error'];
    }
}
echo json_encode( $files );
"""
"""As WordPress runs the filters of plugins on uploaded files."""

DISCOURSE = """
require "json"
Upload = Struct.new(:errors)
Errors = Class.new(Array) { def add(field, text) = push(text) }
$handlers = []
def after_initialize = yield
def on(event, &handler) = $handlers.push(handler)
load ARGV.shift
puts ARGV.map { |path|
  upload = Upload.new(Errors.new)
  File.open(path) { |file| $handlers.each { |handler| handler.call(file, true, upload, true) } }
  upload.errors
}.to_json
"""
"""As Discourse runs the handlers of plugins before it creates an upload."""


class Plugin:
    """A plugin of another language, whose harness prints what it says about two files."""

    def __init__(self, interpreter, harness, code, folder):
        self._command = [interpreter, str(folder / "harness"), str(folder / "plugin")]
        (folder / "harness").write_text(harness)
        self._code, self._plugin = code, folder / "plugin"
        self._files = [folder / "ordinary", folder / "known"]
        for file, content in zip(self._files, (ORDINARY, KNOWN), strict=True):
            file.write_bytes(content)

    def answers(self, *, port):
        """What the plugin says about the ordinary and the known file. port: of /validate."""
        self._plugin.write_text(self._code.replace("8000", str(port)))
        done = subprocess.run([*self._command, *self._files], check=True, capture_output=True)
        return json.loads(done.stdout)


REFUSED = "This file cannot be published."


@pytest.mark.usefixtures("uploads")
@pytest.mark.skipif(interpreters.PHP is None, reason="needs php")
def test_a_plugin_of_wordpress_refuses_what_may_not_be_published(served, tmp_path):
    code = recipe("WordPress", kind="php")
    plugin = Plugin(interpreters.PHP, f"<?php {WORDPRESS}", code, tmp_path)
    port = served(load("Lemmy and pict-rs")).base_url.port
    for answers, expected in (
        (plugin.answers(port=port), [0, REFUSED]),
        (plugin.answers(port=9), [REFUSED, REFUSED]),
    ):
        assert answers["wp_handle_upload_prefilter"] == expected
        assert answers["wp_handle_sideload_prefilter"] == expected


@pytest.mark.usefixtures("uploads")
@pytest.mark.skipif(interpreters.RUBY is None, reason="needs ruby")
def test_a_plugin_of_discourse_refuses_what_may_not_be_published(served, tmp_path):
    plugin = Plugin(interpreters.RUBY, DISCOURSE, recipe("Discourse", kind="ruby"), tmp_path)
    port = served(load("Lemmy and pict-rs")).base_url.port
    assert plugin.answers(port=port) == [[], [REFUSED]]
    assert plugin.answers(port=9) == [[REFUSED], [REFUSED]]


@pytest.fixture
def nginx(tmp_path):
    """Start nginx with a configuration of a server; return a client of it."""
    if not nginx_is_installed():
        pytest.skip("needs nginx")
    started = []

    def start(server):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        server = re.sub(r"listen 80;", f"listen 127.0.0.1:{port};", server)
        file = tmp_path / "nginx.conf"
        file.write_text(FRAME.format(folder=tmp_path, server=server))
        command = [NGINX, "-e", "stderr", "-p", str(tmp_path), "-c", str(file)]
        process = subprocess.Popen(command)
        started.append(process)
        until(lambda: reached(port) or process.poll() is not None, what="nginx")
        assert process.poll() is None
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        started.append(client)
        return client

    yield start
    for one in started:
        if isinstance(one, httpx.Client):
            one.close()
        else:
            one.terminate()
            one.wait()


FRAME = """daemon off;
master_process off;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {server}
}}
"""


def reached(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Program:
    """A program behind nginx: it remembers what arrives."""

    def __init__(self):
        self.taken = []
        self.app = Starlette(
            routes=[
                Route("/uploads", self.upload, methods=["POST", "GET"]),
                Route("/api/v2/media", self.media, methods=["POST"]),
            ]
        )

    async def upload(self, request):
        body = await request.body()
        self.taken.append((request.method, request.headers, body))
        return JSONResponse({"verdict": request.headers.get("X-Upload-Verdict", "")})

    async def media(self, request):
        """Answer as Mastodon's documentation of POST /api/v2/media says."""
        if request.headers.get("Authorization") != "Bearer a-token":
            return JSONResponse({"error": "The access token is invalid"}, status_code=401)
        async with request.form() as form:
            self.taken.append((request.method, request.headers, await form["file"].read()))
        return JSONResponse(
            {"id": str(len(self.taken)), "type": "image", "url": "https://m.example"}
        )


@pytest.fixture
def behind():
    program = Program()
    server = Server(program.app)
    program.port = server.port
    yield program
    server.stop()


def through(conf, *, gate, program):
    """The configuration of a recipe, with the ports of this test."""
    return conf.replace("127.0.0.1:8000", f"127.0.0.1:{gate}").replace(
        "127.0.0.1:3000", f"127.0.0.1:{program.port}"
    )


def test_nginx_asks_before_the_program_gets_the_same_upload(uploads, served, nginx, behind):
    gate = served(load("nginx")).base_url.port
    client = nginx(through(recipe("nginx", kind="nginx"), gate=gate, program=behind))
    large = ORDINARY * 40_000  # nginx keeps it in a file

    def send(content, **headers):
        return client.post("/uploads", files={"file": ("n.txt", content)}, headers=headers)

    assert send(KNOWN).status_code == 422
    assert behind.taken == []
    assert send(large, **{"X-Upload-Verdict": "publish"}).json() == {"verdict": "publish"}
    ((method, headers, body),) = behind.taken
    assert (method, large in body) == ("POST", True)
    assert len(headers["X-Upload-Ref"]) == 36
    assert headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert client.get("/uploads").json() == {"verdict": "publish"}
    assert client.post("/uploads/", files={"file": ("n.txt", KNOWN)}).status_code == 422
    go_away(uploads)
    assert send(ORDINARY, **{"X-Upload-Verdict": "publish"}).json() == {"verdict": "hold"}


AS_TEXT = "data:text/plain;base64," + b64encode(KNOWN).decode()


@pytest.mark.usefixtures("uploads")
def test_the_gate_refuses_what_it_cannot_see_into(served):
    module = load("nginx")
    client = served(module)

    def send(content, kind, path="/uploads"):
        return client.post(path, content=content, headers={"Content-Type": kind}).status_code

    form = client.build_request("POST", "/uploads", files={"file": ("n.txt", KNOWN)})
    content, kind = form.read(), form.headers["Content-Type"]
    assert send(content, kind.replace("multipart/form-data", "Multipart/Form-Data")) == 422
    assert send(content, kind.replace("multipart/form-data", "multipart/mixed")) == 415
    assert send(content, f"{kind}; charset=utf-16") == 415
    assert send(content, f"{kind}; charset=UTF-8") == 422
    assert send(ORDINARY, "image/png") == 415
    module.TAKES_RAW = True
    assert [send(ORDINARY, "image/png"), send(KNOWN, "image/png")] == [200, 422]
    assert send(KNOWN, "application/x-www-form-urlencoded") == 422


@pytest.mark.usefixtures("uploads")
def test_the_gate_refuses_files_that_are_written_as_text(served):
    client = served(load("nginx"))
    described = {"description": "A harbour", "focus": [0, 1]}
    assert client.put("/api/v1/media/7", json=described).status_code == 200
    assert client.put("/api/v1/media/7", data={"description": "A harbour"}).status_code == 200
    escaped = json.dumps({"a": {"file": [AS_TEXT]}}).replace("data:", "\\u0064ata:")
    kind = {"Content-Type": "application/json"}
    refused = [
        client.post("/api/v2/media", json={"file": AS_TEXT}),
        client.post("/api/v2/media", content=escaped, headers=kind),
        client.post("/api/v2/media", content='{"file": /* */ ""}', headers=kind),
        client.post("/api/v2/media", data={"file": AS_TEXT}),
        client.post("/api/v2/media", files={"file": (None, AS_TEXT)}),
        client.post("/api/v2/media", params={"file": AS_TEXT}),
    ]
    assert [answer.status_code for answer in refused] == [415] * 6


def test_nginx_holds_while_the_gate_is_away(nginx, behind):
    client = nginx(through(recipe("nginx", kind="nginx"), gate=9, program=behind))
    forged = {"X-Upload-Verdict": "publish"}
    for content in (KNOWN, ORDINARY):
        done = client.post("/uploads", files={"file": ("n.txt", content)}, headers=forged)
        assert done.json() == {"verdict": "hold"}
    assert KNOWN in behind.taken[0][2]


def test_nobody_but_nginx_says_a_verdict(nginx, behind):
    conf = recipe("nginx", kind="nginx").replace("location /uploads", "location /elsewhere")
    client = nginx(through(conf, gate=9, program=behind))
    forged = {"X-Upload-Verdict": "publish"}
    assert client.post("/uploads", content=b"x", headers=forged).json() == {"verdict": ""}


MEDIA_OF_MASTODON = (
    "/api/v1/media",
    "/api/v2/media/",
    "/api/v1/media/7",
    "/api/v1/media/7x/",
    "/api/v1/accounts/update_credentials//",
    "/settings/profile",
    "/settings/profile/",
    "/settings/profile.html",
)


def test_media_of_mastodon_are_checked_before_it_gets_them(uploads, served, nginx, behind):
    module = load("nginx")
    module.CAN_HOLD = False
    gate = served(module).base_url.port
    backend = f"upstream backend {{ server 127.0.0.1:{behind.port}; }}\nserver {{ listen 80;\n"
    client = nginx(
        backend + through(recipe("Mastodon", kind="nginx"), gate=gate, program=behind) + "}"
    )
    token = {"Authorization": "Bearer a-token"}

    def send(content, path="/api/v2/media", headers=token):
        files = {"file": ("n.png", content, "image/png")}
        return client.post(path, files=files, data={"description": "A harbour"}, headers=headers)

    refused = send(KNOWN)
    assert (refused.status_code, refused.json()) == (
        422,
        {"error": "This file cannot be published."},
    )
    assert send(ORDINARY).json()["type"] == "image"
    assert [content for *_, content in behind.taken] == [ORDINARY]
    assert send(ORDINARY, headers={}).json() == {"error": "The access token is invalid"}
    for path in MEDIA_OF_MASTODON:
        assert send(KNOWN, path).status_code == 422, path
    assert send(KNOWN, "/api/v1/media/7/more").status_code == 404  # nginx has no such place here
    go_away(uploads)
    held = send(ORDINARY)
    assert (held.status_code, "Try again" in held.json()["error"]) == (422, True)


def test_media_of_mastodon_are_refused_while_the_gate_is_away(nginx, behind):
    backend = f"upstream backend {{ server 127.0.0.1:{behind.port}; }}\nserver {{ listen 80;\n"
    client = nginx(
        backend + through(recipe("Mastodon", kind="nginx"), gate=9, program=behind) + "}"
    )
    answer = client.post("/api/v2/media", files={"file": ("n.png", ORDINARY, "image/png")})
    assert (answer.status_code, "Try again" in answer.json()["error"]) == (503, True)
    assert behind.taken == []
