# SPDX-License-Identifier: Apache-2.0
"""stemtide agent report cybertip, hotlines: hand over child sexual abuse material."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemtide.cli.output import AsJson, fail, fail_on, print_note, print_result

if TYPE_CHECKING:  # at run time they are imported where used, so that --help stays fast
    from stemtide.protocol.files.cybertip import CyberTipFacts, FileHash

_BLOCK = 1 << 20
_TYPES = "material, trafficking, tourism, molestation, domain, words, enticement or unsolicited"


def cybertip(
    at: Annotated[
        datetime,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S%z"],
            help="When the incident happened, such as 2026-11-29T12:00:00Z.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="A new folder for the two XML files.")],
    kind: Annotated[str, typer.Option("--type", help=f"Type of incident: {_TYPES}.")] = "material",
    ref: Annotated[str, typer.Option(help="Your own reference of the upload.")] = "",
    url: Annotated[str, typer.Option(help="Address of the content.")] = "",
    file: Annotated[
        Path | None,
        typer.Option(help="The file, to compute its hashes here. It is neither copied nor sent."),
    ] = None,
    hashes: Annotated[
        list[str] | None, typer.Option("--hash", help="A hash of the file, as sha256:HEX.")
    ] = None,
    first_name: Annotated[str, typer.Option(help="First name of the person who reports.")] = "",
    last_name: Annotated[str, typer.Option(help="Last name of the person who reports.")] = "",
    email: Annotated[str, typer.Option(help="Email address of the person who reports.")] = "",
    viewed: Annotated[
        bool | None,
        typer.Option(help="Whether a person at your service viewed the entire file."),
    ] = None,
) -> None:
    """Prepare a CyberTipline report of child sexual abuse material.

    Writes report.xml and file-details.xml. Nothing is sent to NCMEC or to the hub. Fill in the rest
    and submit the files with your own NCMEC account.
    """
    from stemtide.protocol.files.cybertip import (
        CyberTipError,
        CyberTipFacts,
        FileHash,
        IncidentType,
        check_facts,
    )

    if kind.upper() not in IncidentType.__members__:
        fail(f"--type {kind}: write {_TYPES}", code=2)
    with fail_on(CyberTipError, OSError):
        facts = CyberTipFacts(
            incident=IncidentType[kind.upper()],
            at=at if at.tzinfo else at.replace(tzinfo=UTC),
            reference=ref,
            url=url,
            hashes=[*map(FileHash.read, hashes or []), *(_hash_file(file) if file else [])],
            first_name=first_name,
            last_name=last_name,
            email=email,
            is_viewed=viewed,
        )
        check_facts(facts, now=datetime.now(UTC))
        _write(facts, out)


def hotlines(
    country: Annotated[
        str, typer.Option(help="Country code, such as NL. Without it, all countries.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List national hotlines for child sexual abuse material.

    Each row has its source and date. Nothing is fetched.
    """
    from stemtide.protocol.law.hotlines import NETWORK, hotlines as known

    country = country.upper()
    if country and country not in known():
        fail(f"no dated source for {country}: find your hotline at {NETWORK}, or call the police")
    for code, row in sorted(known().items()):
        if country in {"", code}:
            line = f"{code}  {row.name}  {row.web or NETWORK}  ({row.as_of}: {row.source})"
            print_result(
                {"country": code, **row.model_dump(mode="json")}, as_json=as_json, line=line
            )
    print_note(f"The network's own list is at {NETWORK}. If a child is in danger, call the police.")


def _hash_file(path: Path) -> "list[FileHash]":
    """Return the hashes of a file, which is read once and not copied. raises: OSError."""
    from stemtide.protocol.files.cybertip import FileHash

    kinds = {
        "MD5": hashlib.md5(usedforsecurity=False),
        "SHA1": hashlib.sha1(usedforsecurity=False),
        "SHA256": hashlib.sha256(),
    }
    with path.open("rb") as content:
        while block := content.read(_BLOCK):
            for digest in kinds.values():
                digest.update(block)
    return [FileHash(kind, digest.hexdigest()) for kind, digest in kinds.items()]


def _write(facts: "CyberTipFacts", out: Path) -> None:
    """Write both files to a new folder that only this user can read."""
    from stemtide.protocol.files.cybertip import file_details_xml, missing, report_xml

    if out.exists():
        fail(f"{out} is there already: name a new folder", code=2)
    out.mkdir(mode=0o700)
    for name, content in {
        "report.xml": report_xml(facts),
        "file-details.xml": file_details_xml(facts),
    }.items():
        path = out / name
        path.touch(mode=0o600)
        path.write_bytes(content)
        print_result({}, as_json=False, line=str(path))
    print_note("Nothing was sent. Fill these in before you submit:")
    for name in missing(facts):
        print_note(f"  {name}")
