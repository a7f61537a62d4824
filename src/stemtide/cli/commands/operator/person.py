# SPDX-License-Identifier: Apache-2.0
"""stemtide person: who signs in at the desk, on the hub's own machine.

The operator does for a party what its own administrator does at the desk, by the same rules.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemtide.cli.local_hub import OPERATOR, DataDir, now, open_hub, running_address
from stemtide.cli.output import fail, give, tell, told
from stemtide.hub.platform.errors import ConflictError, InvalidError, NotFoundError
from stemtide.protocol.enums import Role

if TYPE_CHECKING:
    from stemtide.hub.rooms.parties.reads.parties import Actor, Someone, Viewer

person = typer.Typer(no_args_is_help=True, help="People who sign in at the desk.")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Email = Annotated[str, typer.Argument(help="Address that the person signs in with.")]
Address = Annotated[
    str,
    typer.Option(
        envvar="STEMTIDE_ADDRESS",
        help="The hub's public address, for the link of an invitation. Default: that of the hub"
        " which runs on this folder.",
        show_default=False,
    ),
]


@person.command("add")
def add_person(
    email: Email,
    party_name: Annotated[str, typer.Option("--party", help="Name of their party.")],
    role: Annotated[Role, typer.Option(help="What they do there.")],
    password_file: Annotated[
        Path | None,
        typer.Option(help="File with a password, for scripts. Without it: a link to set one."),
    ] = None,
    address: Address = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add a person who may sign in at the desk, and print the link with which they start."""
    password = ""
    if password_file:
        with told(OSError):
            password = password_file.read_text("utf-8").strip()
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.reads import parties as reads
    from stemtide.hub.rooms.parties.writes import parties as writes, people as writes_people

    link = ""
    with told(InvalidError, ConflictError, NotFoundError):
        found = reads.party_named(party_name, by=OPERATOR)
        if password_file:
            made = writes.add_person(
                email, party=found, role=role, password=password, actor=OPERATOR, now=now()
            )
        else:
            made, secret = writes_people.invite_person(
                email, party=found, role=role, actor=OPERATOR, now=now()
            )
            link = _link(address, secret)
    row: dict[str, object] = {"email": made.email, "party": found.name, "role": made.role}
    give(
        row | ({"link": link} if link else {}),
        as_json=as_json,
        line=link or f"{made.email} may sign in for {found.title} as {made.role}.",
    )
    if link:
        tell(f"Give this link to {made.email}: it sets a password once, and ends in three days.")


@person.command("invite")
def invite_person(
    email: Email, address: Address = "", data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Print a new link to set a password with. The old password and link end."""
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.writes import people as writes_people

    with told(ConflictError, NotFoundError):
        found, by = _someone(email)
        _, secret = writes_people.invite_again(found.pk, by=by, now=now())
    link = _link(address, secret)
    give({"email": found.email, "link": link}, as_json=as_json, line=link)
    tell(f"Give this link to {found.email}: it sets a password once, and ends in three days.")


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

    with told(NotFoundError):
        by = _as_administrator(reads.party_named(party_name, by=OPERATOR))
    for row in reads_people.people(by=by, idle=settings.SITTING_IDLE, now=now()):
        state = "active" if row.is_active else "deactivated"
        state = "locked" if row.is_active and row.is_locked else state
        give(
            {
                "number": row.number,
                "email": row.email,
                "role": row.role,
                "state": state,
                "factors": row.factors,
                "sittings": row.sittings,
                "last_login": row.last_login,
            },
            as_json=as_json,
            line=f"{row.number:5} {row.email:35} {row.role:24} {state:12} " + " ".join(row.factors),
        )


@person.command("role")
def change_role(
    email: Email,
    role: Annotated[Role, typer.Argument(help="What they do from now on.")],
    data_dir: DataDir = None,
) -> None:
    """Give a person another role. They are signed out."""
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.writes import people as writes_people

    with told(NotFoundError):
        found, by = _someone(email)
        writes_people.change_role(found.pk, role=role, by=by, now=now())
    tell(f"{found.email} is {role.replace('_', ' ')} from now on.")


@person.command("deactivate")
def deactivate_person(email: Email, data_dir: DataDir = None) -> None:
    """Shut a person out, at once."""
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.writes import people as writes_people

    with told(NotFoundError, ConflictError):
        found, by = _someone(email)
        writes_people.deactivate_person(found.pk, by=by, now=now())
    tell(f"{found.email} is shut out.")


@person.command("reactivate")
def reactivate_person(email: Email, data_dir: DataDir = None) -> None:
    """Let a person in again."""
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.writes import people as writes_people

    with told(NotFoundError, ConflictError):
        found, by = _someone(email)
        writes_people.reactivate_person(found.pk, by=by, now=now())
    tell(f"{found.email} may sign in again.")


@person.command("sign-out")
def sign_out(email: Email, data_dir: DataDir = None) -> None:
    """Sign a person out everywhere."""
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.writes import people as writes_people

    with told(NotFoundError):
        found, by = _someone(email)
        writes_people.end_sittings(found.pk, by=by, now=now())
    tell(f"{found.email} is signed out everywhere.")


@person.command("unlock")
def unlock_person(email: Email, data_dir: DataDir = None) -> None:
    """Lift the lock that wrong passwords and codes put on a person's account."""
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.writes import locks as writes_locks

    with told(NotFoundError, ConflictError):
        found, by = _someone(email)
        writes_locks.unlock_person(found.pk, by=by, now=now())
    tell(f"{found.email} can sign in with their password again.")


@person.command("factors")
def remove_factors(
    email: Email,
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Take a person's second factors away, who lost them."""
    if not yes:
        fail(f"{email} then reaches the desk with a password alone; say --yes to do it", code=2)
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.writes import people as writes_people

    with told(NotFoundError):
        found, by = _someone(email)
        writes_people.remove_factors(found.pk, by=by, now=now())
    tell(f"{found.email} sets up new ones after their password.")


@person.command("erase")
def erase_person(
    email: Email,
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Erase what is kept of a person who was deactivated. Their number stays in the ledger."""
    if not yes:
        fail(f"this erases what is kept of {email}; say --yes to do it", code=2)
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.writes import people as writes_people

    with told(NotFoundError, ConflictError):
        found, by = _someone(email)
        writes_people.erase_person(found.pk, by=by, now=now())
    tell("Erased.")


def _someone(email: str) -> tuple["Someone", "Actor"]:
    """A person by their address, and the operator acting as administrator of their party.

    raises: NotFoundError.
    """
    from stemtide.hub.rooms.parties.reads import people as reads_people

    found = reads_people.person_named(email, by=OPERATOR)
    return found, _as_administrator(found.party)


def _as_administrator(party: "Viewer") -> "Actor":
    """The operator, for a party, with its administrator's role."""
    from stemtide.hub.rooms.parties.reads.parties import Actor

    return Actor(party=party, ref=OPERATOR, role=Role.ADMINISTRATOR)


def _link(address: str, secret: str) -> str:
    """Return the link of an invitation; its path alone where the hub has no address now."""
    address = address or running_address()
    if not address:
        tell(
            "No hub runs on this folder, and STEMTIDE_ADDRESS is not set: put your hub's address"
            " before this path."
        )
    return f"{address.rstrip('/')}/invited/{secret}"
