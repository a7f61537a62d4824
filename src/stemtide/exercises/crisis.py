# SPDX-License-Identifier: Apache-2.0
"""Play a short crisis on a real hub and three real agents.

1 start the hub and the agents; copies are uploaded before anybody knows them; 2 an authority
warns, rates, answers the checklist and proposes; the agency confirms, and the providers join; 3 the
authority shares pictures, a video, a text and a URL, each is uploaded at every provider at once,
and the earlier copies are found; 4 altered copies and unrelated content follow; 5 other content is
referred, held and ordered away; 6 the counts return to the board.
"""

import contextlib
import json
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx

from stemtide.exercises import (
    cast,
    fingerprints,
    media,
    pictures,
    processes,
    provider,
    requests,
)
from stemtide.exercises.stage import DemoError, RunningExercise, expect_ok
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.sandbox.walls import missing_walls
from stemtide.protocol.law.frameworks import framework

FRAMEWORK = "eucp-2023"
SHARED_MEDIA = ("film.mp4", "document.html")
EARLY_PICTURES = 2
_ANSWERED_WITHIN_S = 30.0


def play(*, once: bool, as_json: bool, folder: Path | None, port: int) -> bool:
    """Play the crisis; return whether all known content was blocked, and nothing else.

    once: stop everything at the end; otherwise stay up until Ctrl-C or SIGTERM.

    raises: DemoError.
    """
    with contextlib.ExitStack() as stack:
        where = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stemtide-")))
        stage = RunningExercise(folder=where)
        stack.callback(stage.clear)
        try:
            people = _set_up(stage, port=port)
            _play(stage, people)
        except (processes.ProcessError, pictures.PhotographsMissingError) as error:
            raise DemoError(str(error)) from error
        except httpx.HTTPError as error:
            raise DemoError(f"the crisis broke off: {error}; logs are in {where}") from error
        if as_json:
            print(json.dumps(stage.counts.as_json()))
        if not once:
            _stay(stage, people)
    return stage.counts.is_good


def _set_up(stage: RunningExercise, *, port: int) -> cast.Cast:
    """Step 1: start the hub and three agents, with their parties and keys."""
    hub_folder = stage.hub_folder()
    stage.say("Loading the photographs")
    pictures.photographs()  # fail before anything is started
    stage.say("Making the hub's database, its parties and their keys")
    people = cast.create_cast(hub_folder)
    stage.say("Starting the hub")
    hub = processes.hub(hub_folder, port=port)
    stage.running.append(hub)
    hub.start()
    stage.say(f"The hub is up: {hub.address}")
    stage.say(f"The board: {hub.address}/  sign in as {people.email}  password {people.password}")
    for name in cast.PROVIDERS:
        receiver = provider.Receiver()
        webhook = f'[webhook]\nurl = "{receiver.start()}"\nsecret = "{receiver.secret}"'
        stage.receivers.append(receiver)
        stage.running.append(
            processes.agent(
                f"{name}-uploads",
                folder=stage.folder / name,
                hub_url=hub.address,
                key=people.keys[name],
                extra=webhook,
            )
        )
    agents = stage.running[1:]
    stage.say(f"Starting {len(agents)} agents")
    with ThreadPoolExecutor(max_workers=len(agents)) as pool:
        list(pool.map(processes.Running.start, agents))
    for name, running in zip(cast.PROVIDERS, agents, strict=True):
        stage.agents[name] = httpx.Client(base_url=running.address, timeout=60)
        _wait_for(stage.agents[name], position=0)
    stage.counts.agents = len(agents)
    stage.say(f"{len(agents)} agents follow the feed: {', '.join(cast.PROVIDERS)}")
    return people


def _play(stage: RunningExercise, people: cast.Cast) -> None:
    """Play steps 2 to 6: from the warning to the counts."""
    files = pictures.photographs()
    stage.say("Making a film, its sound and a text to share")
    files |= {"film.mp4": media.film(files), "document.html": media.document()}
    _upload_early(stage, files)
    with stage.client(people, cast.AUTHORITY) as authority:
        crisis = _activate(stage, people, authority=authority)
        with Sandbox() as sandbox:
            _say_missing_walls(stage, sandbox)
            for name in (*pictures.SHARED, *SHARED_MEDIA):
                _share(
                    stage, authority, sandbox=sandbox, crisis=crisis, name=name, blob=files[name]
                )
        _share_address(stage, authority, crisis=crisis)
        stage.say(
            f"{stage.counts.signals_shared} signals shared; blocked at every agent within "
            f"{max(stage.counts.share_to_block_ms):.0f} ms"
        )
    _wait_for_early(stage)
    _upload_the_rest(stage, files)
    requests.play_requests(stage, people, crisis=crisis)
    _gather(stage)


def _upload_early(stage: RunningExercise, files: dict[str, bytes]) -> None:
    """Step 1: upload copies at every provider before anybody shares their signals."""
    early = [
        (name, files[name])
        for name in ("document.html", "film.mp4", *pictures.SHARED[:EARLY_PICTURES])
    ]
    for client, receiver in zip(stage.agents.values(), stage.receivers, strict=True):
        for name, blob in early:
            uploaded = provider.upload(client, ref=_ref(f"early-{name}"), blob=blob)
            if uploaded.action:
                raise DemoError(f"{uploaded.ref} matched before its signal was shared")
            stage.early.append((receiver, uploaded.ref))
    stage.counts.uploaded_before = len(stage.early)
    stage.say(f"{len(stage.early)} copies are uploaded before anybody knows them.")


def _wait_for_early(stage: RunningExercise) -> None:
    """Step 3: wait until the providers block the copies uploaded before its signal."""
    ends = time.monotonic() + _ANSWERED_WITHIN_S
    counts = stage.counts
    while counts.found_later < counts.uploaded_before and time.monotonic() < ends:
        time.sleep(0.05)
        counts.found_later = sum(
            any(event["data"]["ref"] == ref for event in receiver.heard)
            for receiver, ref in stage.early
        )
    stage.say(
        f"{counts.found_later} of {counts.uploaded_before} copies that were uploaded before their"
        " signal are found and blocked."
    )


def _say_missing_walls(stage: RunningExercise, sandbox: Sandbox) -> None:
    """Say in one line which walls around decoders this system lacks, if any."""
    if missing := missing_walls(sandbox.walls()):
        stage.say(f"This system lacks walls around decoders: {', '.join(missing)}")


def _activate(stage: RunningExercise, people: cast.Cast, *, authority: httpx.Client) -> str:
    """Step 2: warn, rate, answer each test; one party proposes, another confirms; providers join.

    returns: the id of the crisis.
    """
    warning = {
        "name": "Attack in the capital (played)",
        "framework": FRAMEWORK,
        "summary": "Played by stemtide demo on photographs that show nothing of the kind.",
        "happened_at": datetime.now(UTC).isoformat(),
        "countries": ["BE", "FR"],
    }
    crisis = str(expect_ok(authority.post("/api/v1/crises", json=warning))["id"])
    path = f"/api/v1/crises/{crisis}"
    rated = expect_ok(authority.post(f"{path}/triage", json={"harm": 4, "virality": 3}))
    outcome = rated["triages"][-1]["outcome"]
    stage.say(f"An authority raises an early warning and rates it: {outcome}.")
    for test in framework(FRAMEWORK).tests:
        body = {"answer": "yes", "evidence": "played"}
        expect_ok(authority.put(f"{path}/checks/{test}", json=body))
    measure = {"country": "BE", "measure": "referrals (played)", "insufficient": "hosts abroad"}
    expect_ok(authority.post(f"{path}/measures", json=measure))
    proposal = {"act": "activate", "reason": "it spreads across borders (played)"}
    proposed = expect_ok(authority.post(f"{path}/proposals", json=proposal))["proposals"][-1]["id"]
    with stage.client(people, cast.COORDINATOR) as agency:
        expect_ok(agency.post(f"{path}/proposals/{proposed}/confirm"))
        stage.say("Six tests are answered yes; one party proposed, another confirmed: active.")
        expect_ok(agency.post(f"{path}/invite", json={"kinds": ["provider"]}))
    for name in cast.PROVIDERS:
        with stage.client(people, name) as provider_client:
            expect_ok(provider_client.post(f"{path}/join"))
    stage.say(f"{len(cast.PROVIDERS)} providers were invited, and joined.")
    return crisis


def _share(
    stage: RunningExercise,
    authority: httpx.Client,
    *,
    sandbox: Sandbox,
    crisis: str,
    name: str,
    blob: bytes,
) -> None:
    """Step 3: share one piece of content, and upload the same file at every provider at once."""
    content = str(uuid4())
    rows = [
        _signal(crisis, **fields, content=content)
        for fields in fingerprints.shareable_fields(blob, sandbox=sandbox)
    ]
    _share_rows(
        stage, authority, rows, lambda client: provider.upload(client, ref=_ref(name), blob=blob)
    )


def _share_address(stage: RunningExercise, authority: httpx.Client, *, crisis: str) -> None:
    """Step 3: share a URL, and look another spelling of it up at every provider."""
    rows = [_signal(crisis, kind=Kind.URL, value=media.ADDRESS)]
    _share_rows(
        stage,
        authority,
        rows,
        lambda client: provider.link(client, ref=_ref("post"), url=media.OTHER_SPELLING),
    )


def _signal(crisis: str, **fields: object) -> dict[str, object]:
    return {
        **fields,
        "labels": ["perpetrator-content"],
        "severity": "critical",
        "provenance": "perpetrator",
        "confidence": 95,
        "crisis": crisis,
    }


def _share_rows(
    stage: RunningExercise,
    authority: httpx.Client,
    rows: list[dict[str, object]],
    ask: Callable[[httpx.Client], provider.Upload],
) -> None:
    """Share signals, and upload at every provider as soon as its agent has them."""
    began = time.monotonic()
    shared = expect_ok(authority.post("/api/v1/signals/bulk", json={"signals": rows}))
    position = max(signal["position"] for signal in shared["signals"])
    stage.counts.signals_shared += shared["created"]

    def block(client: httpx.Client) -> tuple[str, float]:
        _wait_for(client, position=position)
        answer = ask(client)
        return answer.action, (time.monotonic() - began) * 1000

    with ThreadPoolExecutor(max_workers=len(stage.agents)) as pool:
        for action, took_ms in pool.map(block, stage.agents.values()):
            stage.counts.count(action=action, is_known=True)
            stage.counts.share_to_block_ms.append(took_ms)


def _ref(name: str) -> str:
    """Return a provider's id of an upload, which does not identify the uploader."""
    return f"{Path(name).stem}-{uuid4().hex[:8]}"


def _wait_for(client: httpx.Client, *, position: int) -> None:
    """Wait until an agent has reached a feed position.

    raises: DemoError if it never does.
    """
    ends = time.monotonic() + _ANSWERED_WITHIN_S
    while time.monotonic() < ends:
        health = client.get("/health").json()
        if health["ready"] and health["position"] >= position:
            return
        time.sleep(0.002)
    raise DemoError(f"the agent at {client.base_url} never reached position {position}")


def _upload_the_rest(stage: RunningExercise, files: dict[str, bytes]) -> None:
    """Step 4: upload altered copies and unrelated content at every provider."""
    known_media = [
        ("recut.mp4", media.recut(files), True),
        ("sound-over-a-still.mp4", media.sound_over_a_still(files), True),
        ("excerpt.txt", media.excerpt(), True),
    ]
    other_media = [
        ("another-film.mp4", media.unrelated(files), False),
        ("another-post.txt", media.post(), False),
    ]
    altered = [
        (name, alter(files[name]), True)
        for name in pictures.SHARED
        for alter in pictures.ALTERATIONS[1:]
    ]
    unrelated = [
        (name, alter(files[name]), False)
        for name in pictures.UNRELATED
        for alter in pictures.ALTERATIONS[:2]
    ]

    def send(client: httpx.Client) -> list[tuple[str, bool]]:
        return [
            (provider.upload(client, ref=_ref(name), blob=blob).action, is_known)
            for name, blob, is_known in altered + known_media + unrelated + other_media
        ]

    with ThreadPoolExecutor(max_workers=len(stage.agents)) as pool:
        for results in pool.map(send, stage.agents.values()):
            for action, is_known in results:
                stage.counts.count(action=action, is_known=is_known)
    counts = stage.counts
    stage.say(
        f"{counts.uploads} uploads: {counts.blocked} blocked, {counts.missed} missed, "
        f"{counts.unrelated_passed} unrelated ones passed, {counts.false_blocks} wrongly blocked."
    )


def _gather(stage: RunningExercise) -> None:
    """Step 6: wait until the hub has the counts, and the providers received the webhooks."""
    ends = time.monotonic() + _ANSWERED_WITHIN_S
    counts = stage.counts
    while time.monotonic() < ends:
        counts.feedback_received, counts.ledger_entries = _at_the_hub()
        counts.webhooks_heard = sum(len(receiver.heard) for receiver in stage.receivers)
        if counts.feedback_received >= counts.all_blocked <= counts.webhooks_heard:
            break
        time.sleep(0.05)
    stage.say(
        f"{counts.feedback_received} outcomes are back at the hub, {counts.webhooks_heard} signed "
        f"webhooks reached the providers; the ledger has {counts.ledger_entries} entries."
    )


def _at_the_hub() -> tuple[int, int]:
    """Return the blocked outcomes that the hub counted, and the entries in its ledger."""
    from stemtide.hub.rooms.ledger.reads import ledger
    from stemtide.hub.rooms.parties.reads import parties
    from stemtide.hub.rooms.signals.reads import signals

    viewer = parties.party(cast.COORDINATOR)
    rows = signals.sightings(viewer=viewer)
    return sum(row.blocked for row in rows), ledger.heads().entries


def _stay(stage: RunningExercise, people: cast.Cast) -> None:
    """Keep everything running until stopped, or until a process dies."""
    hub = stage.running[0].address
    stage.say("Everything stays up. Ctrl-C stops it.")
    stage.say(f"The board: {hub}/  sign in as {people.email}  password {people.password}")
    others = ", ".join(email for email in people.emails if email != people.email)
    stage.say(f"With the same password, for what others see: {others}")
    stage.say(f"Try it: stemtide match FILE --against {next(iter(stage.agents.values())).base_url}")
    stage.stay()
