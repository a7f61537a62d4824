# SPDX-License-Identifier: Apache-2.0
"""stemtide document: is a document as it was when it was sealed, and by whom."""

from pathlib import Path
from typing import Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, asking, plain
from stemtide.cli.output import fail, give, tell

document = typer.Typer(no_args_is_help=True, help="Sealed documents: verify them.")

_GOOD = "genuine"


@document.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="The PDF; or a file with its signature beside it.")],
    signature: Annotated[
        Path | None, typer.Option(help="The .p7s file beside one that is no PDF.")
    ] = None,
    trust: Annotated[
        Path | None,
        typer.Option(help="Certificates that you trust (PEM): then no hub is asked."),
    ] = None,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Say who sealed a document, and whether it is unchanged. Exit code 0: genuine."""
    content = _read(file)
    if signature is not None:
        found = _signed(content, _read(signature), trust=trust, hub=hub, key=key)
    elif trust is not None:
        found = _here(content, trust=trust)
    else:
        with asking(hub, key) as client:
            found = plain(client.verify_document(content))
    _tell(found, file=file, as_json=as_json)
    if found["verdict"] != _GOOD:
        raise typer.Exit(1)


@document.command("certificate")
def certificate(
    out: Annotated[Path, typer.Option("--out", help="The PEM file to write.")],
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
) -> None:
    """Write the certificate that a hub seals with to a file, to trust it: see verify --trust."""
    with asking(hub, key) as client:
        found = plain(client.read_seal())
    out.write_text(found["pem"], "ascii")
    tell(f"{out}: {found['signer']}, SHA-256 {found['fingerprint']}. Compare it by telephone.")


def _here(content: bytes, *, trust: Path) -> dict[str, Any]:
    """What is found on this machine, with certificates that the person trusts."""
    from datetime import UTC, datetime

    from stemtide.hub.platform.documents.verification import Trusted, verify_pdf

    trusted = Trusted(named=_certificates(trust))
    return verify_pdf(content, trusted=trusted, now=datetime.now(UTC)).model_dump(mode="json")


def _signed(
    content: bytes, signature: bytes, *, trust: Path | None, hub: str, key: str
) -> dict[str, Any]:
    """What is found of a file that is no PDF, whose signature lies beside it."""
    import hashlib
    from datetime import UTC, datetime

    from stemtide.hub.platform.documents.seal_files import trusted_in
    from stemtide.hub.platform.documents.signatures import SignatureError, verify_bytes

    if trust is not None:
        named = _certificates(trust)
    else:
        import tempfile

        with asking(hub, key) as client, tempfile.TemporaryDirectory() as folder:
            kept = Path(folder) / "hub.pem"
            kept.write_text(plain(client.read_seal())["pem"], "ascii")
            named = trusted_in(kept)
    told = {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    try:
        seen = verify_bytes(content, signature, named=named, now=datetime.now(UTC))
    except SignatureError as error:
        return {"verdict": "unreadable", "seals": [], "why": str(error), **told}
    good = _GOOD if seen.trust != "none" else "untrusted"
    verdict = good if seen.is_intact else "changed"
    return {"verdict": verdict, "seals": [seen.model_dump(mode="json")], "why": "", **told}


def _certificates(path: Path) -> tuple[Any, ...]:
    """The certificates in a file that the person trusts."""
    from stemtide.hub.platform.documents.seal_files import SealFileError, trusted_in

    try:
        return trusted_in(path)
    except SealFileError as error:
        fail(str(error), code=2)


def _read(path: Path) -> bytes:
    """A file's content."""
    try:
        return path.read_bytes()
    except OSError as error:
        fail(f"{path} cannot be read: {error.strerror}", code=2)


def _tell(found: dict[str, Any], *, file: Path, as_json: bool) -> None:
    """Hand out what was found."""
    give(found, as_json=as_json, line=f"{found['verdict']:10}  {file}  {found['why']}".rstrip())
    for one in [] if as_json else found["seals"]:
        state = "as it was" if one["is_intact"] else "CHANGED"
        print(f"  {one['signer']}, {one['sealed_at']}, {state}, certificate {one['fingerprint']}")
