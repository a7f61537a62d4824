# SPDX-License-Identifier: Apache-2.0
"""stemtide party and key: parties and their API keys, on the hub's own machine."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from stemtide.cli.local_hub import OPERATOR, DataDir, now, open_hub
from stemtide.cli.output import AsJson, fail, fail_on, print_note, print_result
from stemtide.cli.secrets import new_secret_file
from stemtide.hub.platform.errors import ConflictError, InvalidError, NotFoundError
from stemtide.protocol.enums import Duty, PartyKind, Scope
from stemtide.protocol.key_files import MAX_OVERLAP_HOURS, OVERLAP_HOURS

party = typer.Typer(no_args_is_help=True, help="Organisations in the protocol.")
key = typer.Typer(no_args_is_help=True, help="API keys of machines.")


@party.command("add")
def add_party(
    name: Annotated[str, typer.Argument(help="Short and stable, such as be-crisis-centre.")],
    kind: Annotated[PartyKind, typer.Option(help="Kind of organisation.")],
    title: Annotated[str, typer.Option(help="Full name. Default: the short one.")] = "",
    country: Annotated[str, typer.Option(help="ISO 3166 alpha-2 code, such as BE.")] = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add a party."""
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.writes import parties as writes

    with fail_on(InvalidError, ConflictError):
        added = writes.add_party(
            name, title=title or name, kind=kind, country=country, actor=OPERATOR, now=now()
        )
    print_result(
        {
            "party": added.name,
            "kind": added.kind,
            "title": added.title,
            "country": added.country,
        },
        as_json=as_json,
        line=f"{added.name} joined as {added.kind}. Next: stemtide key new --party {added.name}",
    )


@party.command("list")
def list_parties(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the parties."""
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.reads import parties as reads

    rows = reads.parties()
    if not rows:
        print_note("No party yet. Add one: stemtide party add NAME --kind authority")
    for row in rows:
        print_result(
            {"party": row.name, "kind": row.kind, "title": row.title, "country": row.country},
            as_json=as_json,
            line=f"{row.name:30} {row.kind:10} {row.country:2} {row.title}",
        )


@party.command("contact")
def add_contact(
    name: Annotated[str, typer.Argument(help="Name of the party.")],
    channel: Annotated[str, typer.Option(help="mail, phone or url.")],
    address: Annotated[str, typer.Option(help="Number or address of a desk, not of a person.")],
    language: Annotated[
        list[str] | None, typer.Option(help="Language spoken there, such as fr.")
    ] = None,
    time_zone: Annotated[str, typer.Option(help="Such as Europe/Brussels.")] = "UTC",
    always: Annotated[bool, typer.Option("--always", help="Reachable 24/7.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add a contact point of a party."""
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.reads import parties as reads
    from stemtide.hub.rooms.parties.writes import contacts

    with fail_on(InvalidError, NotFoundError):
        contacts.add_contact_point(
            reads.party(name),
            channel=channel,
            address=address,
            languages=language or [],
            time_zone=time_zone,
            is_24_7=always,
            actor=OPERATOR,
            now=now(),
        )
    row = {"party": name, "channel": channel, "address": address, "is_24_7": always}
    print_result(row, as_json=as_json, line=f"{name} is reached by {channel}: {address}")


@party.command("contacts")
def list_contacts(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the contact points of all parties."""
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.reads import contacts as contacts_reads

    rows = contacts_reads.all_contact_points()
    if not rows:
        print_note(
            "No contact point yet. Add one: stemtide party contact NAME --channel mail --address …"
        )
    for row in rows:
        languages = ",".join(row.languages)
        hours = "24/7" if row.is_24_7 else ""
        print_result(
            {
                "party": row.party.name,
                "channel": row.channel,
                "address": row.address,
                "languages": row.languages,
                "time_zone": row.time_zone,
                "is_24_7": row.is_24_7,
            },
            as_json=as_json,
            line=f"{row.party.name:25} {row.channel:6} {row.address:35} {languages} "
            f"{row.time_zone} {hours}".rstrip(),
        )


@party.command("competent")
def name_competent(
    name: Annotated[str, typer.Argument(help="Name of the authority.")],
    duty: Annotated[
        Duty, typer.Option("--for", help="Duty for which its Member State designated it.")
    ],
    end: Annotated[bool, typer.Option("--end", help="End the designation.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Designate a competent authority under Article 12. The law is Regulation (EU) 2021/784."""
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.reads import parties as reads
    from stemtide.hub.rooms.parties.writes import competences as writes

    with fail_on(InvalidError, ConflictError, NotFoundError):
        authority = reads.party(name)
        change = writes.end_competence if end else writes.name_competent
        competence = change(authority, duty, actor=OPERATOR, now=now())
    print_result(
        {
            "party": name,
            "duty": duty,
            "named_at": competence.named_at,
            "ended_at": competence.ended_at,
        },
        as_json=as_json,
        line=f"{name} is {'no longer ' if end else ''}competent to {duty}.",
    )


@party.command("register")
def show_register(
    data_dir: DataDir = None,
    as_json: AsJson = False,
    published: Annotated[
        bool,
        typer.Option("--published", help="The authorities that Member States have published."),
    ] = False,
) -> None:
    """List the competent authorities and their duties."""
    open_hub(data_dir)
    if published:
        _show_published(as_json=as_json)
        return
    from stemtide.hub.rooms.parties.reads import competences

    rows = competences.register()
    if not rows:
        print_note("No competent authority yet. Add one: stemtide party competent NAME --for issue")
    for row in rows:
        print_result(
            {
                "party": row.party,
                "country": row.country,
                "duty": row.duty,
                "named_at": row.named_at,
            },
            as_json=as_json,
            line=f"{row.country:2} {row.party:30} {row.duty}",
        )


def _show_published(*, as_json: bool) -> None:
    """List the published authorities that the hub knows, with their sources."""
    from stemtide.hub.rooms.parties.reads.authorities import published_authorities
    from stemtide.protocol.law.authorities import AuthorityDataError

    with fail_on(AuthorityDataError):
        states = sorted(published_authorities().items())
    for country, state in states:
        for authority in state.authority:
            points = "".join(sorted(authority.points))
            row = {"country": country, **authority.model_dump(mode="json"), "points": points}
            line = f"{country:2} {points:4} {authority.names[0]}  {authority.source}"
            print_result(row, as_json=as_json, line=line)


Certificate = Annotated[
    Path | None,
    typer.Option(
        help="Client certificate (PEM): the key works only for programs that connect with it."
    ),
]


def _fingerprint(certificate: Path | None) -> str:
    """Return the fingerprint of a certificate in a file; "" for no file. raises: InvalidError."""
    if certificate is None:
        return ""
    from django.conf import settings

    from stemtide.hub.rooms.parties.rules import keys as rules

    if not settings.READS_CLIENT_CERTIFICATES:
        fail(
            "this hub reads no client certificates: set STEMTIDE_CLIENT_CERTIFICATES=1 once its "
            "proxy passes them on",
            code=2,
        )
    with fail_on(OSError):
        return rules.fingerprint(certificate.read_text("utf-8", errors="replace"))


@key.command("new")
def new_key(
    party_name: Annotated[str, typer.Option("--party", help="Name of the party.")],
    name: Annotated[str, typer.Option(help="Purpose of the key, such as agent-1.")] = "default",
    scope: Annotated[
        list[Scope] | None,
        typer.Option(
            help="Scope of the key. Can be repeated. Default: all but metrics, leads,"
            " webhooks, standings, private matching and legally binding ones: orders, answers,"
            " complaints."
        ),
    ] = None,
    days: Annotated[int, typer.Option(min=0, help="Days until it expires; 0 for never.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the key to this new file, which its owner alone may read, instead of"
            " showing it. A command that fails leaves no file.",
        ),
    ] = None,
    certificate: Certificate = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create a key. It is shown once: store it where only the machine can read it."""
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.reads import parties as reads
    from stemtide.hub.rooms.parties.writes import parties as writes

    moment = now()
    apart = {
        *(Scope.METRICS_READ, Scope.LEADS_WRITE, Scope.WEBHOOKS_MANAGE),
        *(Scope.ORDERS_WRITE, Scope.ANSWERS_WRITE, Scope.COMPLAINTS_WRITE),
        *(Scope.PARTIES_WRITE, Scope.EXERCISES_RUN, Scope.RETENTION_MANAGE, Scope.PRIVATE_MATCH),
    }
    scopes = scope or [candidate for candidate in Scope if candidate not in apart]
    refusals = (InvalidError, ConflictError, NotFoundError)
    with new_secret_file(out) as file, fail_on(*refusals):
        needed = _fingerprint(certificate)
        created, text = writes.new_key(
            name,
            party=reads.party(party_name),
            scopes=scopes,
            expires_at=moment + timedelta(days=days) if days else None,
            certificate=needed,
            actor=OPERATOR,
            now=moment,
        )
        file.write(f"{text}\n")
    row: dict[str, object] = {"prefix": created.prefix, "party": party_name, "scopes": scopes}
    place: dict[str, object] = {"file": str(out)} if out else {"key": text}
    print_result(place | row, as_json=as_json, line=f"The key is in {out}" if out else text)
    print_note(
        f"It is stored nowhere else. Revoke it with: stemtide key revoke {created.prefix} --yes"
    )


@key.command("replace")
def replace_key(
    prefix: Annotated[str, typer.Argument(help="The key's prefix, from: stemtide key list.")],
    overlap_hours: Annotated[
        int,
        typer.Option(min=0, max=MAX_OVERLAP_HOURS, help="Hours that the old key goes on."),
    ] = OVERLAP_HOURS,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the new key to this new file, which its owner alone may read, instead of"
            " showing it.",
        ),
    ] = None,
    certificate: Certificate = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create a key in place of another one, with its name and scopes. The old key then expires.

    The new key needs the client certificate of the old one, unless you name another.
    """
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.writes import keys as writes

    refusals = (InvalidError, ConflictError, NotFoundError)
    with new_secret_file(out) as file, fail_on(*refusals):
        done = writes.replace_key(
            prefix,
            overlap_hours=overlap_hours,
            certificate=_fingerprint(certificate),
            actor=OPERATOR,
            now=now(),
        )
        file.write(f"{done.text}\n")
    place: dict[str, object] = {"file": str(out)} if out else {"key": done.text}
    row: dict[str, object] = {
        "prefix": done.key.prefix,
        "party": done.key.party.name,
        "scopes": done.key.scopes,
        "expires_at": done.key.expires_at,
        "old": done.old.prefix,
        "old_expires_at": done.old_expires_at,
    }
    line = f"The key is in {out}" if out else done.text
    print_result(place | row, as_json=as_json, line=line)
    print_note(
        f"The old key {done.old.prefix} expires at {done.old_expires_at:%Y-%m-%d %H:%M} UTC."
    )


@key.command("list")
def list_keys(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the keys, without their secrets."""
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.reads import parties as reads

    rows = reads.all_keys()
    if not rows:
        print_note("No key yet. Create one: stemtide key new --party NAME")
    for row in rows:
        state = reads.state_of(row, now=now())
        print_result(
            {
                "prefix": row.prefix,
                "party": row.party.name,
                "name": row.name,
                "state": state,
                "scopes": row.scopes,
                "created_at": row.created_at,
                "expires_at": row.expires_at,
                "revoked_at": row.revoked_at,
                "replaces": row.replaces.prefix if row.replaces else "",
                "certificate": row.certificate_sha256,
            },
            as_json=as_json,
            line=f"{row.prefix:10} {row.party.name:25} {row.name:15} {state:8} "
            + " ".join(row.scopes),
        )


@key.command("revoke")
def revoke_key(
    prefix: Annotated[str, typer.Argument(help="The key's prefix, from: stemtide key list.")],
    yes: Annotated[bool, typer.Option("--yes", help="Confirm the action.")] = False,
    both: Annotated[
        bool,
        typer.Option("--both", help="Also the key that it replaces, and the one in its place."),
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a key: all programs that use it are shut out at once."""
    if not yes:
        fail(f"this shuts out all programs that use key {prefix}; add --yes to confirm", code=2)
    open_hub(data_dir)
    from stemtide.hub.rooms.parties.writes import keys, parties

    revoke = keys.revoke_with_related if both else parties.revoke_key
    with fail_on(NotFoundError, ConflictError):
        revoked = revoke(prefix, actor=OPERATOR, now=now())
    print_result(
        {"prefix": revoked.prefix, "revoked_at": revoked.revoked_at},
        as_json=as_json,
        line=f"{revoked.prefix} is revoked.",
    )
