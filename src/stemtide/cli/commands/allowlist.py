# SPDX-License-Identifier: Apache-2.0
"""stemtide allowlist: lawful content that must not lead to automatic action."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client
from stemtide.cli.hub_command import Request, hub_command
from stemtide.cli.output import fail

if TYPE_CHECKING:
    from stemtide.client import Hub as Client
    from stemtide.protocol.sync.allowlists import AllowEntryOut

allowlist = typer.Typer(
    no_args_is_help=True, help="The hub's allow-list: content that agents never act on."
)

EntryId = Annotated[str, typer.Argument(help="The entry's id, from: stemtide allowlist list.")]
Accept = Annotated[
    bool,
    typer.Option("--accept-covered", help="Add them even if they cover live signals of others."),
]
_EXPORTED = ("kind", "value", "within_bits", "reach", "source", "source_url", "reason")


def _entry_line(row: dict[str, Any]) -> str:
    """Describe an entry on one line."""
    value = row["url"] or row["value"]
    reach = f" ({row['reach']})" if row["reach"] else ""
    return f"{row['id']}  {row['kind']:6} {value}{reach}  {row['reason']} ({row['source']})"


def _added_line(row: dict[str, Any]) -> str:
    """Describe the entries that were added."""
    return (
        f"{row['created']} added, {row['existing']} on the list before; they cover"
        f" {row['covered']} live signals of others, {row['protected']} of them protected"
    )


@hub_command(allowlist, "add", line=_added_line)
def add(
    kind: Annotated[str, typer.Argument(help="pdq, sha256, md5 or url.")],
    value: Annotated[str, typer.Argument(help="The fingerprint in hex, or the web address.")],
    source: Annotated[str, typer.Option(help="Who says that it is lawful.")],
    reason: Annotated[str, typer.Option(help="What the content is; every party reads it.")],
    source_url: Annotated[str, typer.Option(help="Where the source says so.")] = "",
    within_bits: Annotated[
        int | None, typer.Option(help="Distance of pictures, 0 to 8; 8 without it.")
    ] = None,
    accept_covered: Accept = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Add nothing, only say what.")] = False,
) -> Request:
    """Add one entry. Only agencies may; folders, hosts and wider pictures at the desk."""
    from stemtide.protocol.sync.allowlists import AllowlistIn

    entry: dict[str, object] = {"kind": kind, "value": value, "source": source, "reason": reason}
    entry |= {"source_url": source_url, "within_bits": within_bits}
    body = AllowlistIn.model_validate({"entries": [entry], "accept_covered": accept_covered})
    return lambda client: client.add_allow_entries(body, dry_run=dry_run)


@hub_command(allowlist, "list", line=_entry_line, empty="The allow-list has no such entry.")
def list_all(
    search: Annotated[str, typer.Option(help="Part of a reason, source or address.")] = "",
    removed: Annotated[bool, typer.Option("--removed", help="Those that left the list.")] = False,
) -> Request:
    """List the entries, newest first."""
    return lambda client: _entries(client, search=search, removed=removed)


@hub_command(allowlist, "remove", line=_entry_line)
def remove(
    entry_id: EntryId,
    reason: Annotated[str, typer.Option(help="Why; every party reads it.")],
) -> Request:
    """Remove an entry: agents act again on what it covered."""
    from stemtide.protocol.sync.allowlists import AllowRemoveIn

    return lambda client: client.remove_allow_entry(AllowRemoveIn(reason=reason), uid=entry_id)


@hub_command(allowlist, "import", line=_added_line)
def import_file(
    file: Annotated[Path, typer.Argument(help="JSON lines as `stemtide allowlist export` writes.")],
    accept_covered: Accept = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Add nothing, only say what.")] = False,
) -> Request:
    """Add the entries of a file, up to 20,000, all or none."""
    from stemtide.protocol.sync.allowlists import AllowlistIn

    try:
        lines = [line for line in file.read_text("utf-8").split("\n") if line.strip()]
        entries = [json.loads(line) for line in lines]
        body = AllowlistIn.model_validate_json(
            json.dumps({"entries": entries, "accept_covered": accept_covered})
        )
    except (OSError, ValueError) as error:
        fail(f"{file}: {error}", code=2)
    return lambda client: client.add_allow_entries(body, dry_run=dry_run)


@allowlist.command("export")
def export(hub: Hub = DEFAULT_HUB, key: Key = "") -> None:
    """Print the list as JSON lines, for `allowlist import`."""
    with open_client(hub, key) as client:
        for entry in _entries(client, search="", removed=False):
            fields = entry.model_dump(mode="json")
            row = {name: fields[name] for name in _EXPORTED if fields[name] is not None}
            row["value"] = _written(fields)
            sys.stdout.write(f"{json.dumps(row)}\n")


def _written(fields: dict[str, Any]) -> str:
    """Return the value to add: of a web address, the address."""
    if fields["kind"] != "url":
        return str(fields["value"])
    return f"https://{fields['url']}"


def _entries(client: "Client", *, search: str, removed: bool) -> "Iterator[AllowEntryOut]":
    """Yield the entries of all pages."""
    before = None
    while True:
        page = client.list_allow_entries(search=search, removed=removed, before=before, limit=500)
        yield from page.entries
        if page.next is None:
            return
        before = page.next
