# SPDX-License-Identifier: Apache-2.0
"""stemtide hub: run the coordinator's hub and manage its keys."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from stemtide.cli.local_hub import (
    OPERATOR,
    Address,
    DataDir,
    check_keys,
    database_trouble,
    forget_address,
    note_address,
    now,
    open_hub,
    page_link,
    record_keys,
)
from stemtide.cli.output import AsJson, fail, fail_on, print_note, print_result
from stemtide.hub.platform.errors import ConflictError

if TYPE_CHECKING:
    from stemtide.hub.migration_plan import PlannedMigration
    from stemtide.protocol.messages.documents import SealCertificate

hub = typer.Typer(no_args_is_help=True, help="The coordinator's hub.")


@hub.command("start")
def start(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for a free one.")] = 8100,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes; more than one need PostgreSQL.")
    ] = 1,
    data_dir: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address as JSON.")] = False,
) -> None:
    """Start the hub and its scheduler. The first start creates the database.

    Settings are in docs/run/hub.md. Ctrl-C or SIGTERM stops it. With several workers, SIGHUP
    replaces one after the other.
    """
    open_hub(data_dir)
    from django.db import DatabaseError

    from stemtide.fingerprints.limits import SandboxError
    from stemtide.hub import boot, workers as processes
    from stemtide.hub.platform.documents.seal_files import SealFileError
    from stemtide.hub.rooms.ledger.rules.keys import OtherKeyError
    from stemtide.hub.rooms.media.keys import KeyFileError
    from stemtide.hub.rooms.signals.refused_values import RefusedValuesError
    from stemtide.hub.rooms.snapshots.builder import hub_keys
    from stemtide.hub.rooms.snapshots.keys import SigningKeyError
    from stemtide.protocol.law.authorities import AuthorityDataError
    from stemtide.traces.spans import TracesError

    def ready(address: str) -> None:
        note_address(address)
        own = hub_keys().public[0]
        row: dict[str, object] = {"hub": address, "key": str(own), "fingerprint": own.fingerprint}
        print_result(row, as_json=as_json, line=f"The hub listens at {address}")
        if not as_json:
            print_note(f"It signs snapshots with the key {own.fingerprint}")
            _note_set_up(secret, address=address)
            print_note("Stop with Ctrl-C.")

    try:
        secret = _set_up_secret()
        with fail_on(
            *(SealFileError, SigningKeyError, KeyFileError, SandboxError, AuthorityDataError),
            *(RefusedValuesError, TracesError),
        ):
            if workers == 1:
                boot.serve(host, port, ready=ready)
            else:
                processes.serve(host, port, workers=workers, ready=ready)
    except (OtherKeyError, processes.WorkersError) as error:
        fail(str(error), code=2)
    except DatabaseError as error:
        fail(database_trouble(error))
    finally:
        forget_address()


@hub.command("migrate")
def migrate(
    plan: Annotated[
        bool, typer.Option("--plan", help="List the missing migrations; change nothing.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Bring the tables up to date, or list what is missing.

    A start of the hub brings them up to date as well.
    """
    open_hub(data_dir, is_migrated=not plan, has_hub_keys=not plan)
    if not plan:
        print_note("The tables are up to date.")
        return
    from django.db import DatabaseError, connection

    from stemtide.hub import first_tables
    from stemtide.hub.migration_plan import planned_migrations

    try:
        if first_tables.is_empty(connection):
            print_note("The database is empty: the first start creates all tables at once.")
            return
        steps = list(planned_migrations(connection))
    except DatabaseError as error:
        fail(database_trouble(error))
    for step in steps:
        _print_step(step, as_json=as_json)
    if not steps:
        print_note("The tables are up to date.")
    elif all(step.is_expanding for step in steps):
        print_note("Workers of the version before can go on meanwhile.")
    else:
        print_note("Stop the hub first: workers of the version before would fail on new tables.")


def _print_step(step: "PlannedMigration", *, as_json: bool) -> None:
    """Print a migration that is missing."""
    row: dict[str, object] = {
        "migration": step.name,
        "changes": step.changes,
        "expand_only": step.is_expanding,
        "rewrites": step.rewrites,
        "indexes": step.indexes,
        "checks": step.checks,
        "fills": step.fills,
        "rows": step.rows,
    }
    size = {table: f", about {number:,} rows" for table, number in step.rows.items()}
    notes = ["expand only" if step.is_expanding else "STOP THE HUB FIRST"]
    notes += [f"rewrites {table}{size.get(table, '')}" for table in step.rewrites]
    notes += [f"builds an index of {table}{size.get(table, '')}" for table in step.indexes]
    notes += [f"checks each row of {table}{size.get(table, '')}" for table in step.checks]
    notes += ["reads or changes rows"] if step.fills else []
    changes = "".join(f"\n    {change}" for change in step.changes)
    print_result(row, as_json=as_json, line=f"{step.name}  ({'; '.join(notes)}){changes}")


@hub.command("set-up")
def set_up(address: Address = "", data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Print a link to set up a new hub in a browser. A link printed before it ends.

    The link adds the first party and its coordinator. It works once, within one hour.
    """
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.writes import set_up as writes

    with fail_on(ConflictError):
        secret = writes.renew_link(now=now())
    link = page_link(address, f"set-up/{secret}")
    print_result({"link": link}, as_json=as_json, line=link)
    print_note("Open it within one hour. Whoever opens it first sets up this hub: show it nobody.")


def _set_up_secret() -> str | None:
    """Return the secret of a new link that sets up this hub; None for a hub that has a party.

    "" where the link must not be printed: others may read the journal to which a service writes.
    """
    from stemtide.hub.rooms.parties.reads import set_up as reads
    from stemtide.hub.rooms.parties.writes import set_up as writes

    if not reads.has_no_party():
        return None
    return writes.renew_link(now=now()) if sys.stderr.isatty() else ""


def _note_set_up(secret: str | None, *, address: str) -> None:
    """Tell how to set up a hub that has no party."""
    from django.conf import settings

    if secret:
        link = page_link(settings.HUB_ADDRESS or address, f"set-up/{secret}")
        print_note(f"Set it up in a browser, once, within one hour: {link}")
    elif secret is not None:
        print_note("It has no party yet. Print a link to set it up: stemtide hub set-up")


@hub.command("keys")
def keys(
    data_dir: DataDir = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line.")
    ] = False,
) -> None:
    """List the public keys of signed snapshots, newest first.

    Run it on the hub's machine. Read the fingerprint by telephone to anyone who asks.
    """
    open_hub(data_dir)
    from stemtide.hub.rooms.snapshots.builder import hub_keys
    from stemtide.hub.rooms.snapshots.keys import SigningKeyError

    with fail_on(SigningKeyError):
        check_keys("signing")
        public_keys = hub_keys().public
    for public_key in public_keys:
        row: dict[str, object] = {"key": str(public_key), "fingerprint": public_key.fingerprint}
        print_result(row, as_json=as_json, line=f"{public_key}  {public_key.fingerprint}")


@hub.command("seals")
def seals(
    data_dir: DataDir = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line.")
    ] = False,
) -> None:
    """List the seals of parties, and when they expire.

    Run it on the hub's machine. It opens every key, and asks the time stamp authority once. Exits
    with 1 if something cannot be used.
    """
    open_hub(data_dir)
    from stemtide.hub.platform.documents import hub_seal, party_seals, timestamps
    from stemtide.hub.platform.documents.seal_files import SealFileError
    from stemtide.hub.rooms.parties.reads.parties import party_titles

    with fail_on(SealFileError):
        rows = [_seal_row("", "ready", seal=hub_seal.certificate(now()))]
        own_seals = party_seals.own_seals(now())
    titles = party_titles()
    for party, own in own_seals.items():
        why = own.why if party in titles else "there is no such party on this hub"
        seal = hub_seal.described(own.seal) if own.seal is not None else None
        rows.append(_seal_row(party, own.state.value, seal=seal, why=why))
    if timestamps.is_on():
        signer, why = timestamps.try_once()
        state = "ready" if signer else "unusable"
        rows.append(_seal_row("(time stamps)", state, why=why) | {"signer": signer})
    for row in rows:
        words = [row["party"] or "(this hub)", row["state"], row["signer"], row["why"]]
        if row["valid_until"]:
            words.insert(3, f"until {row['valid_until']}")
        print_result(row, as_json=as_json, line="  ".join(str(word) for word in words if word))
    if any(row["why"] for row in rows):
        fail("some of these cannot be used: documents are sealed without them, and say so")


def _seal_row(
    party: str, state: str, *, seal: "SealCertificate | None" = None, why: str = ""
) -> dict[str, object]:
    """Return one row of the list of seals."""
    return {
        "party": party,
        "state": state,
        "signer": seal.signer if seal else "",
        "fingerprint": seal.fingerprint if seal else "",
        "valid_until": seal.valid_until.isoformat() if seal else "",
        "why": why,
    }


@hub.command("rotate-key")
def rotate_key(
    data_dir: DataDir = None,
    forget_old: Annotated[
        bool, typer.Option("--forget-old", help="Drop all keys but the newest; create none.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm the action.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Create a new key to sign snapshots with. Old keys also sign until they are dropped.

    Run it on the hub's machine. A hub of several machines shares one file: run it once.
    """
    open_hub(data_dir)
    from django.conf import settings

    from stemtide.hub.rooms.snapshots.keys import SigningKeyError, add_key, drop_old_keys

    path = settings.SIGNING_KEY_FILE
    if not yes:
        fail(f"this changes the keys in {path}; add --yes to confirm", code=2)
    with fail_on(SigningKeyError, OSError):
        record_keys("signing")
        own = (drop_old_keys(path) if forget_old else add_key(path)).public[0]
        record_keys("signing")
    row: dict[str, object] = {"key": str(own), "fingerprint": own.fingerprint}
    print_result(row, as_json=as_json, line=f"{own}  {own.fingerprint}")
    if forget_old:
        print_note("Programs that trust only an old key now refuse snapshots of this hub.")
    else:
        print_note(
            "Give it to all who use snapshots; then: stemtide hub rotate-key --forget-old --yes"
        )


@hub.command("accept-key")
def accept_key(
    name: Annotated[str, typer.Argument(help="secret, signing, media or seal.")],
    data_dir: DataDir = None,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm the action.")] = False,
) -> None:
    """Make this machine's key the hub's, after a loss or theft.

    The hub's other machines do not start again until they have a copy of it.
    """
    open_hub(data_dir, has_hub_keys=False)
    from stemtide.hub import host_keys
    from stemtide.hub.platform.documents.seal_files import SealFileError
    from stemtide.hub.rooms.ledger.rules.keys import KeyName
    from stemtide.hub.rooms.media.keys import KeyFileError
    from stemtide.hub.rooms.snapshots.keys import SigningKeyError

    if name not in set(KeyName):
        fail(f"{name!r} is not a key of a hub: give one of {', '.join(KeyName)}", code=2)
    if not yes:
        fail(
            f"data sealed or signed with the old {name} key may be lost; add --yes to confirm",
            code=2,
        )
    with fail_on(SealFileError, SigningKeyError, KeyFileError, OSError):
        is_other = host_keys.accept(KeyName(name), actor=OPERATOR, now=now())
    print_note(f"The {name} key of this machine is the hub's" + ("." if is_other else " already."))


@hub.command("recount")
def recount(
    data_dir: DataDir = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Set wrong numbers to what was counted.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line.")
    ] = False,
) -> None:
    """Prove the totals that are kept; exit 1 if some differ.

    Nobody can share while it counts: some seconds for a million signals.
    """
    open_hub(data_dir)
    from stemtide.hub.rooms.signals.writes import tallies

    wrong = tallies.check(repair=repair)
    for row in wrong:
        key, stored, counted = (", ".join(map(str, part)) for part in row[1:])
        fields: dict[str, object] = {"table": row.table, "key": key, "kept": stored}
        fields["counted"] = counted
        line = f"{row.table} {key}: kept {stored or 'nothing'}, counted {counted or 'nothing'}"
        print_result(fields, as_json=as_json, line=line)
    if wrong and not repair:
        fail(f"{len(wrong)} numbers are wrong: repeat the command with --repair to correct them")
    print_note("All numbers are corrected." if wrong else "All numbers are right.")
