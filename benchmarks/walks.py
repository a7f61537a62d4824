# SPDX-License-Identifier: Apache-2.0
"""How many source files three walks through the system enter: docs/understand/architecture.md.

    python -m benchmarks.walks [--files] [--json]

A hub on a throw-away SQLite file and an agent's application run in this process and get real
requests. Each step is taken twice, and counted the second time: imports and caches do not count. A
file counts once a function in it runs; what its module or a class does on import does not count.
The worker process that decodes pictures is not counted.
"""

import argparse
import asyncio
import inspect
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from uuid import UUID, uuid4

import httpx

SOURCES = f"{Path(__file__).parents[1] / 'src/stemtide'}/"
WALKS = {"upload": "upload to board", "share": "share to block", "order": "order to answer"}
SETTLE_S = 1.0
"""Threads that a step wakes, such as the sender of alerts, get so long; what they do counts."""

LATER = {"positions", "tidy"}
"""Threads that store or tidy up now and then, for whatever came before. They do not count."""

CSRF = "c" * 32
ORDER = {
    "to": "provider",
    "emergency": "An attack is under way.",
    "emergency_ground": "ongoing_events",
}
ANNEX_2 = {
    "measure": "removed",
    "provider_name": "Provider",
    "provider_state": "IE",
    "authorised_person": "A. Moderator",
    "contact_mail": "tco@provider.example",
}


class Footprints:
    """The source files that each step of each walk enters, while a step is taken."""

    def __init__(self) -> None:
        self.steps: dict[str, dict[str, set[str]]] = {walk: {} for walk in WALKS}
        self._entered: set[str] | None = None
        threading.setprofile(self._note)
        sys.setprofile(self._note)

    def _note(self, frame, event: str, _argument: object) -> None:
        if self._entered is None or event != "call":
            return
        code = frame.f_code
        is_function = code.co_flags & inspect.CO_OPTIMIZED  # bodies of modules and classes are not
        if is_function and code.co_filename.startswith(SOURCES) and not _is_later():
            self._entered.add(code.co_filename.removeprefix(SOURCES))

    @contextmanager
    def step(self, walk: str, name: str) -> Iterator[None]:
        """Note the files of one step; the last time that it is taken counts."""
        self._entered = entered = set()
        try:
            yield
            time.sleep(SETTLE_S)
        finally:
            self._entered = None
            self.steps[walk][name] = entered

    def files(self, walk: str) -> set[str]:
        """Return the files of all steps of a walk."""
        return set().union(*self.steps[walk].values())


def _is_later() -> bool:
    return threading.current_thread().name in LATER


class Callers:
    """A hub with an authority and a provider, the provider's agent, and how each sends requests."""

    def __init__(self, folder: Path) -> None:
        from stemtide.hub import boot

        boot.prepare()
        from stemtide.hub.asgi import application
        from stemtide.hub.scheduler import Scheduler

        self._loop = asyncio.new_event_loop()
        self._hub, self.scheduler = application, Scheduler()
        self.keys, self._sessions = _parties()
        self._open_agent(folder)

    def _open_agent(self, folder: Path) -> None:
        from stemtide.agent.config.settings import Config
        from stemtide.agent.http.app import create_app
        from stemtide.agent.store.database import Origin, Store
        from stemtide.fingerprints.sandbox.pool import Sandbox

        config = Config(name="a", hub_url="http://hub", key="st_x", data_dir=folder / "agent")
        self.sandbox, self.store = Sandbox(), Store(config.data_dir)
        origin = Origin(str(uuid4()), "provider", exercise=False)
        self.store.adopt_incoming(
            self.store.begin_incoming(),
            origin=origin,
            position=0,
            now=datetime.now(UTC),
            alongside=lambda *_: None,
        )
        self._agent = create_app(config, store=self.store, sandbox=self.sandbox)

    def close(self) -> None:
        from stemtide.hub.notifier import notifier
        from stemtide.hub.wire.positions import positions

        notifier.close()
        positions.stop()
        self.store.close()
        self.sandbox.close()

    def agent(self, method: str, path: str, **more) -> httpx.Response:
        """Send a request to the agent."""
        return self._send(self._agent, method, path, **more)

    def machine(self, party: str, method: str, path: str, **more) -> httpx.Response:
        """Send a request to the hub's API with the key of a party."""
        headers = {"Authorization": f"Bearer {self.keys[party]}"}
        return self._send(self._hub, method, f"/api/v1{path}", headers=headers, **more)

    def person(self, party: str, method: str, path: str, **form) -> httpx.Response:
        """Send a request to the desk as a person of a party."""
        cookies = {"sessionid": self._sessions[party], "csrftoken": CSRF}
        more = {"data": form | {"csrfmiddlewaretoken": CSRF}} if method == "POST" else {}
        return self._send(self._hub, method, path, cookies=cookies, **more)

    def _send(self, app, method: str, path: str, *, cookies=None, **more) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1", cookies=cookies
            ) as client:
                return await client.request(method, path, **more)

        response = self._loop.run_until_complete(send())
        assert response.status_code < 400, (path, response.status_code, response.text[:2000])
        return response


def _parties():
    """Create two parties without contact points; return a key and a session of each."""
    from django.test import Client

    from stemtide.hub.rooms.parties.writes import competences, parties
    from stemtide.protocol.enums import Duty, Role, Scope

    now, keys, sessions = datetime.now(UTC), {}, {}
    for kind, country in (("authority", "BE"), ("provider", "IE")):
        party = parties.add_party(
            kind, title=f"The {kind}", kind=kind, country=country, actor="operator", now=now
        )
        key = parties.new_key("a", party=party, scopes=list(Scope), actor="operator", now=now)
        person = parties.add_person(
            f"duty@{kind}.example",
            party=party,
            role=Role.DUTY_OFFICER,
            password="tide and stem 4711",
            actor="operator",
            now=now,
        )
        client = Client()
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        keys[kind], sessions[kind] = key[1], client.cookies["sessionid"].value
        if kind == "authority":
            competences.name_competent(party, Duty.ISSUE, actor="operator", now=now)
    return keys, sessions


def picture(number: int) -> bytes:
    """Return a picture of its own for each number, of about 0.1 MB."""
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((512, 512), Image.Resampling.BICUBIC)
    content = BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def share_to_block(callers: Callers, steps: Footprints, number: int) -> str:
    """Share a signal of a picture, bring it to the agent, upload the picture; return its id."""
    from stemtide.agent.store.rows import signal_row
    from stemtide.fingerprints.kinds import Kind
    from stemtide.protocol.sync.feed import FeedParty, FeedSignal

    (pdq,) = callers.sandbox.fingerprint(picture(number)).of(Kind.PDQ)
    body = {"kind": "pdq", "value": pdq.hex, "quality": 90}
    body |= {"labels": ["perpetrator-content"], "severity": "high"}
    with steps.step("share", "hub POST /signals"):
        shared = callers.machine("authority", "POST", "/signals", json=body).json()
    view = callers.store.view
    after = f"/feed?after={view.position}&parties_after={view.parties_after}"
    with steps.step("share", "hub GET /feed"):
        page = callers.machine("provider", "GET", after).json()
    signals = [FeedSignal.model_validate(entry) for entry in page["entries"]]
    assert [str(signal.id) for signal in signals] == [shared["id"]]
    rows = [signal_row(signal, signal.model_dump_json()) for signal in signals]
    parties = [FeedParty.model_validate(party) for party in page["parties"]]
    with steps.step("share", "agent stores the signal"):
        callers.store.apply(
            rows,
            [],
            position=page["next"],
            parties=parties,
            parties_after=page["next"],
            synced_at=datetime.now(UTC),
            alongside=lambda _: None,
        )
    match(callers, steps, number, walk="share")
    return shared["id"]


def match(callers: Callers, steps: Footprints, number: int, *, walk: str) -> None:
    """Upload a picture that the agent blocks."""
    # Other bytes at the end: content whose bytes came lately is not decoded again.
    files = {"file": ("upload", picture(number) + walk.encode())}
    with steps.step(walk, "agent POST /match"):
        response = callers.agent("POST", "/match", files=files)
    (item,) = response.json()["items"]
    assert item["decision"]["action"] == "block", item


def upload_to_board(callers: Callers, steps: Footprints, number: int, signal: str) -> None:
    """Upload a picture that matches a signal, report it, and look at the board."""
    match(callers, steps, number, walk="upload")
    now = datetime.now(UTC).isoformat()
    row = {"signal": signal, "outcome": "blocked", "count": 1, "first_at": now, "last_at": now}
    body = {"report": str(uuid4()), "agent": "a", "rows": [row]}
    with steps.step("upload", "hub POST /outcomes"):
        report = callers.machine("provider", "POST", "/outcomes", json=body).json()
    assert report["counted"] == 1
    with steps.step("upload", "hub GET /"):
        callers.person("authority", "GET", "/")


def order_to_answer(callers: Callers, steps: Footprints, number: int) -> None:
    """Write a removal order, issue it, alert the provider, and answer it."""
    from tests.scene import ANNEX_1

    now = datetime.now(UTC)
    url = f"https://provider.example/thread/{number}"
    with steps.step("order", "desk POST /orders/new"):
        draft = callers.person("authority", "POST", "/orders/new", urls=url, **ORDER)
    uid = UUID(draft.headers["location"].split("/")[2])
    annex = ANNEX_1 | {"urls": [url], "signed_on": now.date().isoformat()}
    order = f"/orders/{uid}"
    body = {"annex": annex, **ORDER}
    body.pop("to")
    with steps.step("order", "hub PATCH /orders/…"):
        callers.machine("authority", "PATCH", order, json=body)
    with steps.step("order", "hub POST /orders/…/issue"):
        issued = callers.machine("authority", "POST", f"{order}/issue").json()
    assert issued["state"] == "issued", issued
    with steps.step("order", "scheduler raises the alert"):
        callers.scheduler.run_jobs(is_deadline=False)
    alerts = callers.machine("provider", "GET", "/alerts").json()
    assert f"order:{uid}" in json.dumps(alerts), alerts
    with steps.step("order", "desk GET /orders/… (receipt)"):
        callers.person("provider", "GET", order)
    with steps.step("order", "desk POST acknowledge"):
        callers.person("provider", "POST", f"{order}/do/acknowledge")
    today = now.date().isoformat()
    answer = {"measure_at": datetime.now(UTC).isoformat(), "signed_on": today}
    body = {"annex": ANNEX_2 | answer}
    with steps.step("order", "hub POST /orders/…/execute"):
        done = callers.machine("provider", "POST", f"{order}/execute", json=body).json()
    assert done["state"] == "executed", done


def measure(folder: Path) -> Footprints:
    """Take each walk twice."""
    steps = Footprints()
    callers = Callers(folder)
    try:
        # Orders first: once the feed was read, its memory follows each commit of any walk.
        for number in (1, 2):
            order_to_answer(callers, steps, number)
        for number in (1, 2):
            signal = share_to_block(callers, steps, number)
            upload_to_board(callers, steps, number, signal)
    finally:
        callers.close()
        sys.setprofile(None)
        threading.setprofile(None)
    return steps


def show(steps: Footprints, *, is_listed: bool) -> None:
    """Print the numbers of files, and their names if that is wanted."""
    shared = set.intersection(*(steps.files(walk) for walk in WALKS))
    for walk, title in WALKS.items():
        files = steps.files(walk)
        print(f"{title}: {len(files)} files, {len(files & shared)} of them in every walk")
        for name, entered in steps.steps[walk].items():
            print(f"  {name:32} {len(entered):>4}")
        if is_listed:
            print("\n".join(f"    {file}" for file in sorted(files)))


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--files", action="store_true", help="list the files of each walk")
    words.add_argument("--json", action="store_true", help="print one object a walk")
    options = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="stemtide-bench-") as folder:
        os.environ |= {"STEMTIDE_DATA_DIR": folder, "STEMTIDE_SECOND_FACTOR": "offered"}
        steps = measure(Path(folder))
    if not options.json:
        show(steps, is_listed=options.files)
        return
    for walk, title in WALKS.items():
        parts = {name: sorted(files) for name, files in steps.steps[walk].items()}
        print(json.dumps({"walk": title, "files": len(steps.files(walk)), "steps": parts}))


if __name__ == "__main__":
    main()
