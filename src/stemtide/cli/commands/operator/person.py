# SPDX-License-Identifier: Apache-2.0
"""stemtide person: accounts for the desk, on the hub's own machine.

The operator acts as the administrator of a party, under the same rules as at the desk.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemtide.cli.local_hub import OPERATOR, Address, DataDir, now, open_hub, page_link
from stemtide.cli.output import AsJson, fail, fail_on, print_note, print_result
from stemtide.cli.people_file import PeopleFileError, read_people
from stemtide.cli.secrets import new_secret_file
from stemtide.hub.platform.errors import ConflictError, InvalidError, NotFoundError
from stemtide.protocol.enums import Role

if TYPE_CHECKING:
    from stemtide.hub.rooms.parties.reads.parties import Actor, Someone, Viewer

person = typer.Typer(no_args_is_help=True, help="People who sign in at the desk.")

Email = Annotated[str, typer.Argument(help="Address that the person signs in with.")]


@person.command("add")
def add_person(
    email: Email,
    party_name: Annotated[str, typer.Option("--party", help="Name of their party.")],
    role: Annotated[Role, typer.Option(help="Role of the person.")],
    name: Annotated[str, typer.Option(help="Name of the person, for colleagues.")] = "",
    password_file: Annotated[
        Path | None,
        typer.Option(help="File with a password, for scripts. Default: print a link."),
    ] = None,
    address: Address = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add a person to the desk and print a link to set their password."""
    password = ""
    if password_file:
        with fail_on(OSError):
            password = password_file.read_text("utf-8").strip()
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.reads import parties as reads
    from stemtide.hub.rooms.parties.writes import parties as writes, people as writes_people

    link = ""
    with fail_on(InvalidError, ConflictError, NotFoundError):
        party = reads.party(party_name)
        if password_file:
            account = writes.add_person(
                email,
                party=party,
                role=role,
                password=password,
                actor=OPERATOR,
                now=now(),
                name=name,
            )
        else:
            account, secret = writes_people.invite_person(
                email, party=party, role=role, actor=OPERATOR, now=now(), name=name
            )
            link = page_link(address, f"invited/{secret}")
    row: dict[str, object] = {"email": account.email, "party": party.name, "role": account.role}
    print_result(
        row | ({"link": link} if link else {}),
        as_json=as_json,
        line=link or f"{account.email} may sign in for {party.title} as {account.role}.",
    )
    if link:
        print_note(
            f"Give this link to {account.email}: it sets a password once, within three days."
        )


@person.command("import")
def import_people(
    file: Annotated[
        Path,
        typer.Argument(help="CSV with the columns email, role and name, or a JSON list of these."),
    ],
    party_name: Annotated[str, typer.Option("--party", help="Name of their party.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the file, add nobody.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the links to this new file, which its owner alone may read, instead of"
            " showing them.",
        ),
    ] = None,
    address: Address = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add the people of a file to a party, and print their links.

    All are added, or none. Whoever has an account already is refused and keeps their role.
    """
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.reads import parties as reads
    from stemtide.hub.rooms.parties.writes import people as writes_people

    refusals = (OSError, PeopleFileError, NotFoundError, writes_people.PeopleImportError)
    with new_secret_file(None if dry_run else out) as links, fail_on(*refusals):
        rows = read_people(file)
        by = _as_administrator(reads.party(party_name))
        added = writes_people.import_people(rows, by=by, now=now(), dry_run=dry_run)
        for account, secret in added:
            row: dict[str, object] = {"email": account.email, "role": account.role}
            link = "" if dry_run else page_link(address, f"invited/{secret}")
            line = f"{account.email}  {account.role}  {link}".rstrip()
            shown = links if out and not dry_run else None
            print_result(
                row | ({"link": link} if link else {}), as_json=as_json, line=line, file=shown
            )
    if dry_run:
        print_note(f"The file is right: {len(added)} people would be added. Nobody was added.")
    else:
        where = f" The links are in {out}." if out else ""
        print_note(
            f"{len(added)} people were added.{where} Each link sets a password once, within three "
            "days: give it to that person alone."
        )


@person.command("invite")
def invite_person(
    email: Email, address: Address = "", data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Print a new link to set a password. The old password and link stop working."""
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.writes import people as writes_people

    with fail_on(ConflictError, NotFoundError):
        account, by = _account_and_actor(email)
        _, secret = writes_people.invite_again(account.pk, by=by, now=now())
    link = page_link(address, f"invited/{secret}")
    print_result({"email": account.email, "link": link}, as_json=as_json, line=link)
    print_note(f"Give this link to {account.email}: it sets a password once, within three days.")


@person.command("list")
def list_people(
    party_name: Annotated[str, typer.Option("--party", help="Name of their party.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the people of a party."""
    open_hub(data_dir)
    from django.conf import settings

    from stemtide.hub.rooms.parties.reads import parties as reads, people as reads_people

    with fail_on(NotFoundError):
        by = _as_administrator(reads.party(party_name))
    for row in reads_people.people(by=by, idle=settings.SESSION_IDLE_TIMEOUT, now=now()):
        state = "active" if row.is_active else "deactivated"
        state = "locked" if row.is_active and row.is_locked else state
        print_result(
            {
                "number": row.number,
                "email": row.email,
                "role": row.role,
                "state": state,
                "factors": row.factors,
                "sittings": row.sittings,
                "last_login": row.last_login,
                "controllers": row.controllers,
            },
            as_json=as_json,
            line=f"{row.number:5} {row.email:35} {row.role:24} {state:12} " + " ".join(row.factors),
        )


@person.command("role")
def change_role(
    email: Email,
    role: Annotated[Role, typer.Argument(help="New role of the person.")],
    data_dir: DataDir = None,
) -> None:
    """Change a person's role and sign them out."""
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.writes import people as writes_people

    with fail_on(NotFoundError):
        account, by = _account_and_actor(email)
        writes_people.change_role(account.pk, role=role, by=by, now=now())
    print_note(f"{account.email} is {role.replace('_', ' ')} from now on.")


@person.command("deactivate")
def deactivate_person(email: Email, data_dir: DataDir = None) -> None:
    """Deactivate a person's account at once."""
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.writes import people as writes_people

    with fail_on(NotFoundError, ConflictError):
        account, by = _account_and_actor(email)
        writes_people.deactivate_person(account.pk, by=by, now=now())
    print_note(f"{account.email} is deactivated.")


@person.command("reactivate")
def reactivate_person(email: Email, data_dir: DataDir = None) -> None:
    """Reactivate a person's account."""
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.writes import people as writes_people

    with fail_on(NotFoundError, ConflictError):
        account, by = _account_and_actor(email)
        writes_people.reactivate_person(account.pk, by=by, now=now())
    print_note(f"{account.email} may sign in again.")


@person.command("sign-out")
def sign_out(email: Email, data_dir: DataDir = None) -> None:
    """Sign a person out of all sessions."""
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.writes import people as writes_people

    with fail_on(NotFoundError):
        account, by = _account_and_actor(email)
        writes_people.end_sessions(account.pk, by=by, now=now())
    print_note(f"{account.email} is signed out everywhere.")


@person.command("unlock")
def unlock_person(email: Email, data_dir: DataDir = None) -> None:
    """Unlock an account that wrong passwords or codes have locked."""
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.writes import locks

    with fail_on(NotFoundError, ConflictError):
        account, by = _account_and_actor(email)
        locks.unlock_person(account.pk, by=by, now=now())
    print_note(f"{account.email} can sign in with their password again.")


@person.command("factors")
def remove_factors(
    email: Email,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm the action.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Remove the second factors of a person who lost them."""
    if not yes:
        fail(f"{email} can then sign in with only a password; add --yes to confirm", code=2)
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.writes import people as writes_people

    with fail_on(NotFoundError):
        account, by = _account_and_actor(email)
        writes_people.remove_factors(account.pk, by=by, now=now())
    print_note(f"{account.email} sets up new ones at the next sign-in.")


@person.command("confirm")
def confirm_person(
    email: Email,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm the action.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Let a person count as a second person.

    A person who was added, or reset, by one colleague counts as that colleague until then.
    """
    if not yes:
        fail(f"speak to {email} first: do they alone sign in with it? Then add --yes", code=2)
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.writes import independence
    from stemtide.protocol.trust.parties import ConfirmPersonIn

    with fail_on(NotFoundError, ConflictError):
        account, by = _account_and_actor(email)
        body = ConfirmPersonIn(person=account.pk)
        independence.confirm_person(account.party.name, body=body, by=by, now=now())
    print_note(f"{account.email} counts as a person of its own from now on.")


@person.command("erase")
def erase_person(
    email: Email,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm the action.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Erase the data of a deactivated person. Their number stays in the ledger."""
    if not yes:
        fail(f"this erases the data of {email}; add --yes to confirm", code=2)
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.writes import people as writes_people

    with fail_on(NotFoundError, ConflictError):
        account, by = _account_and_actor(email)
        writes_people.erase_person(account.pk, by=by, now=now())
    print_note("Erased.")


def _account_and_actor(email: str) -> tuple["Someone", "Actor"]:
    """Return a person by address, and the operator as administrator of their party.

    raises: NotFoundError.
    """
    from stemtide.hub.rooms.parties.reads import people as reads_people

    account = reads_people.person_named(email)
    return account, _as_administrator(account.party)


def _as_administrator(party: "Viewer") -> "Actor":
    """Return the operator as administrator of a party."""
    from stemtide.hub.rooms.parties.reads.parties import Actor

    return Actor(party=party, ref=OPERATOR, role=Role.ADMINISTRATOR)
