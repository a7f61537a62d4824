# SPDX-License-Identifier: Apache-2.0
"""stemtide signal and feed: share and withdraw signals, and follow those of others."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from stemtide.cli.commands.signer import SignWith, sign_rows
from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, to_json
from stemtide.cli.hub_command import Request, hub_command
from stemtide.cli.output import WAITS, AsJson, fail, print_note, print_result
from stemtide.protocol.enums import Provenance, Reach, Severity, SignalState, WithdrawReason
from stemtide.protocol.handling import Pap, Tlp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stemtide.cli.content import NamedContent
    from stemtide.client import Hub as Client
    from stemtide.fingerprints.analysis import AnalysisOptions

signal = typer.Typer(no_args_is_help=True, help="Signals: share, show, import, export, withdraw.")
feed = typer.Typer(no_args_is_help=True, help="The feed of signals.")

_AGAIN_S = 1.0
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@signal.command("share")
def share(
    names: Annotated[
        list[str],
        typer.Argument(metavar="FILE|URL|HASH…", help="A hash is spelled pdq:…, sha256:… or md5:…"),
    ],
    label: Annotated[list[str], typer.Option(help="Label of the content. Can be repeated.")],
    severity: Annotated[Severity, typer.Option(help="Severity of the content.")],
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    provenance: Annotated[
        Provenance, typer.Option(help="Origin of the content.")
    ] = Provenance.UNKNOWN,
    confidence: Annotated[int, typer.Option(min=0, max=100, help="Confidence, 0 to 100.")] = 80,
    tlp: Annotated[Tlp, typer.Option(help="TLP marking of the signal.")] = Tlp.AMBER,
    pap: Annotated[Pap, typer.Option(help="PAP marking of the signal.")] = Pap.GREEN,
    audience: Annotated[
        list[str] | None, typer.Option(help="Only these parties; needed for TLP red.")
    ] = None,
    expires: Annotated[str, typer.Option(help="Expiry: 12h, 30d, 8w or an ISO time.")] = "",
    crisis: Annotated[str, typer.Option(help="Id of its crisis.")] = "",
    within_bits: Annotated[
        int | None,
        typer.Option(min=0, max=31, help="Maximum PDQ distance of a match, if below 31."),
    ] = None,
    reach: Annotated[
        Reach, typer.Option(help="Match the URL itself, its folder or its host.")
    ] = Reach.ADDRESS,
    ideology: Annotated[str, typer.Option(help="Ideology of its makers, if known.")] = "",
    entity: Annotated[str, typer.Option(help="Listed terrorist entity behind it.")] = "",
    language: Annotated[
        str, typer.Option(help="Language of the content, if known: a tag such as en.")
    ] = "",
    robust: Annotated[
        bool, typer.Option("--robust", help="Add fingerprints of crops, to match cropped copies.")
    ] = False,
    local: Annotated[
        bool,
        typer.Option(
            "--local", help="Send local features of pictures, too. They show more than a hash."
        ),
    ] = False,
    exercise: Annotated[bool, typer.Option("--exercise", help="Mark as an exercise.")] = False,
    sign_with: SignWith = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the signals without sharing them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Share signals made from files, URLs or hashes. Only fingerprints are sent, no media.

    Either all of them are shared, or none. Local features of pictures are sent after them. Exit
    code 3 if a signal is only proposed: it is published once another person approves it.
    """
    from stemtide.cli.commands.signals.local_values import check_local, send_local, values_of
    from stemtide.fingerprints.analysis import AnalysisOptions

    check_labels(label)
    check_local(tlp, is_asked=local)
    facts: dict[str, object] = {
        "labels": label,
        "ideology": ideology or None,
        "entity": entity or None,
        "language": language or None,
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
    options = AnalysisOptions(share=True, robust=robust, language=not language, local=local)
    rows: list[dict[str, Any]] = []
    features: dict[str, str] = {}
    for content in _contents(names, options=options):
        rows += _rows(content, facts, within_bits=within_bits, reach=reach)
        features |= values_of(content) if local else {}
    rows = sign_rows(rows, sign_with)
    if dry_run:
        for row in rows:
            print_result(row, as_json=True, line="")
        with_local = f", {len(features)} with local features" if local else ""
        print_note(f"{len(rows)} signals would be shared{with_local}; nothing was sent.")
        return
    with open_client(hub, key) as client:
        done = to_json(client.share_signals(_bulk(rows)))
        with_features = send_local(client, rows, done["signals"], features=features)
    for row, stored in zip(rows, done["signals"], strict=True):
        _print_shared(row, stored, has_local=stored["id"] in with_features, as_json=as_json)
    if len(with_features) < len(features.keys() & {row["value"] for row in rows}):
        raise typer.Exit(1)
    if any(_is_waiting(stored) for stored in done["signals"]):
        raise typer.Exit(WAITS)


def _is_waiting(stored: dict[str, Any]) -> bool:
    """Whether a signal is proposed only: agents do not get it before its second look."""
    return bool(stored["state"] == SignalState.WAITING)


def _print_shared(
    row: dict[str, Any], stored: dict[str, Any], *, has_local: bool, as_json: bool
) -> None:
    """Print the result of sharing one signal. has_local: its local features were sent."""
    why = "; ".join(stored["waiting_for"])
    if _is_waiting(stored):
        state = f"proposed; published once another person approves it: {why}"
    else:
        state = "shared" if stored["created"] else "was already shared"
        state += f"; ends unless another person approves it: {why}" if why else ""
    with_local = ", with local features" if has_local else ""
    print_result(
        stored | {"kind": row["kind"], "value": row["value"], "local_features": has_local},
        as_json=as_json,
        line=f"{stored['id']}  {row['kind']:7} {state}{with_local}",
    )


def _contents(names: list[str], *, options: "AnalysisOptions") -> "Iterator[NamedContent]":
    """Fingerprint the arguments; end the command at one that names nothing."""
    from stemtide.cli.content import ContentNameError, read_all

    try:
        yield from read_all(names, options=options)
    except ContentNameError as error:
        fail(str(error))


def _bulk(rows: list[dict[str, Any]]) -> bytes:
    """Return signals as one request; the hub validates each row and names all bad ones."""
    return json.dumps({"signals": rows}).encode()


def _rows(
    named: "NamedContent", facts: dict[str, object], *, within_bits: int | None, reach: Reach
) -> list[dict[str, Any]]:
    """Return the signals of one argument. Skip fingerprints of blank content, with a message."""
    from stemtide.fingerprints.blanks import why_blank
    from stemtide.fingerprints.kinds import Kind

    content = str(uuid4()) if len(named.fingerprints.each) > 1 else None
    rows = []
    for remark in named.fingerprints.remarks:
        print_note(f"{named.name}: {remark}")
    if (guess := named.language) and guess.is_sure:
        print_note(
            f"{named.name}: its language is probably {guess.tag} ({guess.percent}% sure):"
            f" add --language {guess.tag} to state it"
        )
    if reach is not Reach.ADDRESS and not named.url:
        fail(
            f"--reach {reach} is for URLs, and {named.name} is not one: share it separately", code=2
        )
    for fingerprint in named.fingerprints.each:
        if why := why_blank(fingerprint.kind, fingerprint.value, quality=fingerprint.quality):
            which = f"{fingerprint.kind} fingerprint {fingerprint.part}"
            print_note(f"{named.name}: its {which} is left out: {why}")
            continue
        row = facts | {
            "kind": fingerprint.kind,
            "value": named.url or fingerprint.hex,
            "content": content,
        }
        if fingerprint.kind is Kind.PDQ:
            row |= {"quality": fingerprint.quality, "within_bits": within_bits}
        if fingerprint.kind is Kind.URL and reach is not Reach.ADDRESS:
            row["reach"] = reach
        rows.append(row)
    return rows


def check_labels(names: list[str]) -> None:
    """Refuse an unknown label before any file is read: some content must not be touched here."""
    from stemtide.protocol.labels import check_label

    for name in names:
        try:
            check_label(name)
        except ValueError as error:
            fail(f"labels: {error}")


def end_of(text: str) -> str | None:
    """Return the time given as 30d or as an ISO time."""
    if not text:
        return None
    if text[:-1].isdigit() and text[-1] in _UNITS:
        return (datetime.now(UTC) + timedelta(**{_UNITS[text[-1]]: int(text[:-1])})).isoformat()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(f"--expires {text!r} is not understood: write 12h, 30d, 8w or an ISO time", code=2)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def _fields(row: dict[str, Any]) -> str:
    """List the fields of a signal that are set."""
    return "\n".join(
        f"{name:16} {value}" for name, value in row.items() if value not in (None, [], "")
    )


@hub_command(signal, "show", line=_fields)
def show(signal_id: Annotated[str, typer.Argument(help="The signal's id.")]) -> Request:
    """Show one signal."""
    return lambda client: client.read_signal(uid=signal_id)


@hub_command(
    signal,
    "withdraw",
    line=lambda row: f"{row['id']} is withdrawn.",
    confirm="this withdraws {signal_id} at every agent",
)
def withdraw(
    signal_id: Annotated[str, typer.Argument(help="The signal's id.")],
    reason: Annotated[WithdrawReason, typer.Option(help="Reason for withdrawing it.")],
    note: Annotated[str, typer.Option(help="Note; no personal data.")] = "",
) -> Request:
    """Withdraw a signal. It stops matching at every agent, and their actions are undone."""
    from stemtide.protocol.messages.signals import WithdrawIn

    return lambda client: client.withdraw_signal(
        WithdrawIn.model_validate({"reason": reason, "note": note}), uid=signal_id
    )


@feed.command("follow")
def follow(
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    after: Annotated[int, typer.Option(min=0, help="Start after this feed position.")] = 0,
    once: Annotated[bool, typer.Option("--once", help="Stop at the end of the feed.")] = False,
    exercise: Annotated[bool, typer.Option("--exercise", help="Include exercise signals.")] = False,
    as_json: AsJson = False,
) -> None:
    """Follow signals as they are shared and withdrawn, a line per change.

    If the hub is away, the command waits and resumes where it was. Ctrl-C stops it.
    """
    from stemtide.client import TooManyError, UnreachableError

    with open_client(hub, key) as client:
        position = _drain(client, after, exercise=exercise, as_json=as_json)
        while not once:
            try:
                for _ in client.follow_events(last_event_id=position, exercise=exercise):
                    position = _drain(client, position, exercise=exercise, as_json=as_json)
                print_note("The hub closed the stream; opening it again.")
            except TooManyError:  # a longer pause than it could make by itself
                raise
            except UnreachableError as error:
                why = error.__cause__ or error
                print_note(f"The hub is away ({why}); retrying from position {position}.")
            time.sleep(_AGAIN_S)


def _drain(client: "Client", after: int, *, exercise: bool, as_json: bool) -> int:
    """Print the entries after a position, and return the position reached."""
    while True:
        page = to_json(client.read_feed(after=after, limit=1000, exercise=exercise))
        for entry in page["entries"]:
            print_result(entry, as_json=as_json, line=_line(entry))
        after = page["next"]
        if not page["more"]:
            return after


def _line(entry: dict[str, Any]) -> str:
    """Describe one change for people."""
    if entry["op"] == "drop":
        return f"{entry['position']:>8}  {entry['state']:9} {entry['id']}"
    marks = f"TLP:{entry['tlp'].upper()} PAP:{entry['pap'].upper()}"
    drill = " EXERCISE" if entry["exercise"] else ""
    labels = ",".join(entry["labels"])
    return (
        f"{entry['position']:>8}  shared    {entry['id']}  {entry['kind']:7} {entry['severity']:8}"
        f" {marks} {labels} by {entry['shared_by']}{drill}"
    )
