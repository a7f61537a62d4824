# SPDX-License-Identifier: Apache-2.0
"""stemtide signal and feed: share what should be known again, and follow what others share."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, asking, plain
from stemtide.cli.output import fail, give, tell
from stemtide.protocol.enums import Provenance, Reach, Severity, WithdrawReason
from stemtide.protocol.handling import Pap, Tlp

if TYPE_CHECKING:
    from stemtide.cli.content import Named
    from stemtide.client import Hub as Client

signal = typer.Typer(no_args_is_help=True, help="Signals: share, look at, withdraw.")
feed = typer.Typer(no_args_is_help=True, help="The feed of signals.")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
_AGAIN_S = 1.0
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@signal.command("share")
def share(
    names: Annotated[
        list[str],
        typer.Argument(metavar="FILE|URL|HASH…", help="A hash is spelled pdq:…, sha256:… or md5:…"),
    ],
    label: Annotated[list[str], typer.Option(help="What the content does; several allowed.")],
    severity: Annotated[Severity, typer.Option(help="How grave it is.")],
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    provenance: Annotated[Provenance, typer.Option(help="Who made it.")] = Provenance.UNKNOWN,
    confidence: Annotated[int, typer.Option(min=0, max=100, help="How sure you are.")] = 80,
    tlp: Annotated[Tlp, typer.Option(help="Who may see the signal.")] = Tlp.AMBER,
    pap: Annotated[Pap, typer.Option(help="How far it may be acted upon.")] = Pap.GREEN,
    audience: Annotated[
        list[str] | None, typer.Option(help="Only these parties; needed for TLP red.")
    ] = None,
    expires: Annotated[str, typer.Option(help="When it ends: 12h, 30d, 8w or an ISO time.")] = "",
    crisis: Annotated[str, typer.Option(help="Id of the crisis it belongs to.")] = "",
    within_bits: Annotated[
        int | None, typer.Option(min=0, max=31, help="PDQ distance that matches, if less than 31.")
    ] = None,
    reach: Annotated[
        Reach, typer.Option(help="What a URL stands for: itself, its folder, its whole host.")
    ] = Reach.ADDRESS,
    ideology: Annotated[str, typer.Option(help="What moved its makers, if you know.")] = "",
    entity: Annotated[str, typer.Option(help="Listed terrorist entity that it is of.")] = "",
    robust: Annotated[
        bool, typer.Option("--robust", help="Crops as well, so that cropped copies are found.")
    ] = False,
    exercise: Annotated[bool, typer.Option("--exercise", help="Mark it as exercise.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it, share nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Share signals made of files, URLs or hashes. Media stays here; only fingerprints travel.

    All of them are shared, or none.
    """
    from stemtide.cli.content import ContentNameError, read_all
    from stemtide.fingerprints.analysis import Asked

    check_labels(label)
    facts: dict[str, object] = {
        "labels": label,
        "ideology": ideology or None,
        "entity": entity or None,
        "severity": severity,
        "provenance": provenance,
        "confidence": confidence,
        "tlp": tlp,
        "pap": pap,
        "audience": audience or [],
        "expires_at": end_of(expires),
        "crisis": crisis or None,
        "exercise": exercise,
    }
    try:
        rows = [
            row
            for one in read_all(names, asked=Asked(share=True, robust=robust))
            for row in _rows(one, facts, within_bits=within_bits, reach=reach)
        ]
    except ContentNameError as error:
        fail(str(error))
    if dry_run:
        for row in rows:
            give(row, as_json=True, line="")
        tell(f"{len(rows)} signals would be shared; nothing was sent.")
        return
    with asking(hub, key) as client:
        done = plain(client.share_signals(_bulk(rows)))
    for row, one in zip(rows, done["signals"], strict=True):
        told = "shared" if one["created"] else "was already shared"
        give(
            one | {"kind": row["kind"], "value": row["value"]},
            as_json=as_json,
            line=f"{one['id']}  {row['kind']:7} {told}",
        )


def _bulk(rows: list[dict[str, Any]]) -> bytes:
    """Signals as they are: the hub reads them one by one, and names every bad row."""
    return json.dumps({"signals": rows}).encode()


def _rows(
    one: "Named", facts: dict[str, object], *, within_bits: int | None, reach: Reach
) -> list[dict[str, Any]]:
    """The signals that one argument gives. What says too little is left out, and said."""
    from stemtide.fingerprints.blanks import why_blank
    from stemtide.fingerprints.kinds import Kind

    content = str(uuid4()) if len(one.fingerprints.each) > 1 else None
    rows = []
    for remark in one.fingerprints.remarks:
        tell(f"{one.name}: {remark}")
    if reach is not Reach.ADDRESS and not one.url:
        fail(f"--reach {reach} is for URLs, and {one.name} is none: share it by itself", code=2)
    for each in one.fingerprints.each:
        if why := why_blank(each.kind, each.value, quality=each.quality):
            tell(f"{one.name}: its {each.kind} fingerprint {each.part} is left out: {why}")
            continue
        row = facts | {"kind": each.kind, "value": one.url or each.hex, "content": content}
        if each.kind is Kind.PDQ:
            row |= {"quality": each.quality, "within_bits": within_bits}
        if each.kind is Kind.URL and reach is not Reach.ADDRESS:
            row["reach"] = reach
        rows.append(row)
    return rows


def check_labels(names: list[str]) -> None:
    """Refuse a label before anything is read: some content must not be touched here at all."""
    from stemtide.protocol.labels import check_label

    for name in names:
        try:
            check_label(name)
        except ValueError as error:
            fail(f"labels: {error}")


def end_of(text: str) -> str | None:
    """The moment that 30d, or an ISO time, means."""
    if not text:
        return None
    if text[:-1].isdigit() and text[-1] in _UNITS:
        return (datetime.now(UTC) + timedelta(**{_UNITS[text[-1]]: int(text[:-1])})).isoformat()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(f"--expires {text!r} is not understood: write 12h, 30d, 8w or an ISO time", code=2)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


@signal.command("show")
def show(
    signal_id: Annotated[str, typer.Argument(help="The signal's id.")],
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Show one signal."""
    with asking(hub, key) as client:
        found = plain(client.read_signal(uid=signal_id))
    lines = [f"{name:16} {value}" for name, value in found.items() if value not in (None, [], "")]
    give(found, as_json=as_json, line="\n".join(lines))


@signal.command("withdraw")
def withdraw(
    signal_id: Annotated[str, typer.Argument(help="The signal's id.")],
    reason: Annotated[WithdrawReason, typer.Option(help="Why it is taken back.")],
    note: Annotated[str, typer.Option(help="A word on it; no personal data.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Take a signal back: it stops matching at every agent, and what they did is undone."""
    if not yes:
        fail(f"this takes {signal_id} back at every agent; say --yes to do it", code=2)
    from stemtide.protocol.messages.signals import WithdrawIn

    with asking(hub, key) as client:
        body = {"reason": reason, "note": note}
        found = plain(client.withdraw_signal(WithdrawIn.model_validate(body), uid=signal_id))
    give(found, as_json=as_json, line=f"{signal_id} is withdrawn.")


@feed.command("follow")
def follow(
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    after: Annotated[int, typer.Option(min=0, help="Start after this position.")] = 0,
    once: Annotated[bool, typer.Option("--once", help="Stop when all is read.")] = False,
    exercise: Annotated[bool, typer.Option("--exercise", help="Exercise signals too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Follow what is shared and withdrawn, live, one line a change. Ctrl-C stops it.

    When the hub goes away it waits and goes on where it was.
    """
    from stemtide.client import TooManyError, UnreachableError

    with asking(hub, key) as client:
        position = _drain(client, after, exercise=exercise, as_json=as_json)
        while not once:
            try:
                for _ in client.follow_events(last_event_id=position, exercise=exercise):
                    position = _drain(client, position, exercise=exercise, as_json=as_json)
                tell("The hub closed the stream; opening it again.")
            except TooManyError:  # a longer pause than it could make by itself
                raise
            except UnreachableError as error:
                why = error.__cause__ or error
                tell(f"The hub is away ({why}); position {position} is kept, trying again.")
            time.sleep(_AGAIN_S)


def _drain(client: "Client", after: int, *, exercise: bool, as_json: bool) -> int:
    """Print what lies after a position; return the position reached."""
    while True:
        page = plain(client.read_feed(after=after, limit=1000, exercise=exercise))
        for entry in page["entries"]:
            give(entry, as_json=as_json, line=_line(entry))
        after = page["next"]
        if not page["more"]:
            return after


def _line(entry: dict[str, Any]) -> str:
    """One change, for people."""
    if entry["op"] == "drop":
        return f"{entry['position']:>8}  {entry['state']:9} {entry['id']}"
    marks = f"TLP:{entry['tlp'].upper()} PAP:{entry['pap'].upper()}"
    drill = " EXERCISE" if entry["exercise"] else ""
    labels = ",".join(entry["labels"])
    return (
        f"{entry['position']:>8}  shared    {entry['id']}  {entry['kind']:7} {entry['severity']:8}"
        f" {marks} {labels} by {entry['shared_by']}{drill}"
    )
