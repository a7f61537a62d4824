# SPDX-License-Identifier: Apache-2.0
"""stemtide document: verify the seals and signatures of documents."""

from pathlib import Path
from typing import Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, to_json
from stemtide.cli.output import fail, print_note, print_result

document = typer.Typer(no_args_is_help=True, help="Sealed documents: verify them.")

_GOOD = "genuine"

_TRUST = {
    "own": "the hub's own",
    "party": "a party of the hub",
    "named": "trusted",
    "none": "NOT TRUSTED",
}


@document.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="A PDF, or a file with a detached signature.")],
    signature: Annotated[
        Path | None, typer.Option(help="Detached signature (.p7s) of a file that is no PDF.")
    ] = None,
    trust: Annotated[
        Path | None,
        typer.Option(help="Certificates that you trust (PEM), to verify offline."),
    ] = None,
    trust_parties: Annotated[
        Path | None,
        typer.Option(help="With --trust: certificates of parties' own keys (PEM)."),
    ] = None,
    trust_stamps: Annotated[
        Path | None,
        typer.Option(help="With --trust: certificates of time stamp authorities (PEM)."),
    ] = None,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show who sealed a document and whether it is unchanged. Exits with 0 if genuine."""
    content = _read(file)
    if signature is not None:
        report = _verify_detached(content, _read(signature), trust=trust, hub=hub, key=key)
    elif trust is not None:
        report = _verify_locally(content, trust=trust, parties=trust_parties, stamps=trust_stamps)
    else:
        with open_client(hub, key) as client:
            report = to_json(client.verify_document(content))
    _print_row(report, file=file, as_json=as_json)
    if report["verdict"] != _GOOD:
        raise typer.Exit(1)


@document.command("certificate")
def certificate(
    out: Annotated[Path, typer.Option("--out", help="The PEM file to write.")],
    parties: Annotated[
        Path | None,
        typer.Option(help="A PEM file to write with the certificates of parties' own keys."),
    ] = None,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
) -> None:
    """Write a hub's sealing certificate to a file. Use it with: document verify --trust.

    Those of parties (document verify --trust-parties) vouch under the hub's seal alone.
    """
    with open_client(hub, key) as client:
        seal = to_json(client.read_seal())
    _write_certificates(out, [seal])
    if parties is not None:
        _write_certificates(parties, seal["parties"])


def _write_certificates(file: Path, seals: list[dict[str, Any]]) -> None:
    """Write certificates to a PEM file."""
    file.write_text("".join(seal["pem"] for seal in seals), "ascii")
    for seal in seals:
        print_note(
            f"{file}: {seal['signer']}, SHA-256 {seal['fingerprint']}. Compare it by telephone."
        )


def _verify_locally(
    content: bytes, *, trust: Path, parties: Path | None, stamps: Path | None
) -> dict[str, Any]:
    """Verify a PDF on this machine, with certificates that the user trusts."""
    from datetime import UTC, datetime

    from stemtide.hub.platform.documents.verification import Trusted, verify_pdf

    trusted = Trusted(
        named=_certificates(trust),
        parties={
            certificate.dump(): str(certificate.subject.human_friendly)
            for certificate in (_certificates(parties) if parties is not None else ())
        },
        stamps=_certificates(stamps) if stamps is not None else (),
    )
    return verify_pdf(content, trusted=trusted, now=datetime.now(UTC)).model_dump(mode="json")


def _verify_detached(
    content: bytes, signature: bytes, *, trust: Path | None, hub: str, key: str
) -> dict[str, Any]:
    """Verify a file that is no PDF against its detached signature."""
    import hashlib
    from datetime import UTC, datetime

    from stemtide.hub.platform.documents.seal_files import trusted_in
    from stemtide.hub.platform.documents.signatures import UnreadableSignatureError, verify_bytes

    if trust is not None:
        named = _certificates(trust)
    else:
        import tempfile

        with open_client(hub, key) as client, tempfile.TemporaryDirectory() as folder:
            pem_file = Path(folder) / "hub.pem"
            pem_file.write_text(to_json(client.read_seal())["pem"], "ascii")
            named = trusted_in(pem_file)
    file_facts = {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    try:
        seal = verify_bytes(content, signature, named=named, now=datetime.now(UTC))
    except UnreadableSignatureError as error:
        return {"verdict": "unreadable", "seals": [], "why": str(error), **file_facts}
    good = _GOOD if seal.trust != "none" else "untrusted"
    verdict = good if seal.is_intact else "changed"
    return {"verdict": verdict, "seals": [seal.model_dump(mode="json")], "why": "", **file_facts}


def _certificates(path: Path) -> tuple[Any, ...]:
    """Read the certificates that the user trusts."""
    from stemtide.hub.platform.documents.seal_files import SealFileError, trusted_in

    try:
        return trusted_in(path)
    except SealFileError as error:
        fail(str(error), code=2)


def _read(path: Path) -> bytes:
    """Return a file's content; end the command if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        fail(f"{path} cannot be read: {error.strerror}", code=2)


def _print_row(report: dict[str, Any], *, file: Path, as_json: bool) -> None:
    """Print a verification report."""
    print_result(
        report, as_json=as_json, line=f"{report['verdict']:10}  {file}  {report['why']}".rstrip()
    )
    for seal in [] if as_json else report["seals"]:
        state = "as it was" if seal["is_intact"] else "CHANGED"
        of = f"the own seal of {seal['party']}: " if seal["party"] else ""
        print(
            f"  {of}{seal['signer']}, {seal['sealed_at']}, {state},"
            f" {_TRUST[seal['trust']]}, certificate {seal['fingerprint']}"
        )
        if stamp := seal["stamp"]:
            trust = "trusted" if stamp["is_trusted"] else "NOT TRUSTED"
            state = trust if stamp["is_intact"] else "CHANGED"
            print(f"    time stamp by {stamp['signer']}, {stamp['at']}, {state}")
