# SPDX-License-Identifier: Apache-2.0
"""stemtide signer: the key with which a party signs the signals that it shares."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from stemtide.cli.hub_command import Request, hub_command
from stemtide.cli.output import fail, print_note, print_result
from stemtide.cli.secrets import new_secret_file

if TYPE_CHECKING:
    from stemtide.protocol.signing.secret_keys import SignerSecret

signer = typer.Typer(no_args_is_help=True, help="The key with which your party signs signals.")

KeyFile = Annotated[Path, typer.Argument(metavar="FILE", help="A file of: stemtide signer new.")]
SignWith = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Sign the signals with the key in this file.", show_default=False
    ),
]


@signer.command("new")
def new(
    party: Annotated[str, typer.Argument(help="Name of your party at the hub.")],
    out: Annotated[Path, typer.Option(help="A new file for the private key.")],
) -> None:
    """Make a key. The file stays with you; the hub and agents need the public key alone."""
    from stemtide.protocol.signing.secret_keys import SecretKeyError, SignerSecret

    try:
        secret = SignerSecret.new(party)
    except SecretKeyError as error:
        fail(str(error), code=2)
    with new_secret_file(out) as file:
        file.write(f"{secret}\n")
    print_result({"key": str(secret.public)}, as_json=False, line=str(secret.public))
    print_note(f"The private key is in {out}. Next: stemtide signer add {out}")


@signer.command("show")
def show(file: KeyFile) -> None:
    """Print the public key of a file. Send it to providers yourself, not through the hub."""
    print_result({}, as_json=False, line=str(read_secret(file).public))


def _line(row: dict[str, Any]) -> str:
    """Describe a key for people."""
    return f"{row['key']}  {row['end'] or 'valid'}"


@hub_command(signer, "add", line=_line)
def add(
    file: KeyFile,
    replaces: Annotated[
        str, typer.Option(help="The public key of your party that ends with this one.")
    ] = "",
) -> Request:
    """Register the public key of a file with the hub.

    The hub then takes signals that are signed with it.
    """
    from stemtide.protocol.signing.messages import SigningKeyIn

    public = str(read_secret(file).public)
    return lambda client: client.add_signing_key(
        SigningKeyIn(key=public, replaces=replaces or None)
    )


@hub_command(signer, "list", line=_line, empty="No party signs signals yet.")
def list_all() -> Request:
    """List the public keys of all parties, as the hub has them."""
    return lambda client: client.list_signing_keys()


@hub_command(
    signer, "revoke", line=_line, confirm="the hub then takes no signal signed with this key"
)
def revoke(
    public: Annotated[str, typer.Argument(metavar="KEY", help="A public key of your party.")],
) -> Request:
    """Revoke a key at the hub. Tell providers, too: agents believe the keys of their policy."""
    from stemtide.protocol.signing.messages import SigningKeyRevokeIn

    return lambda client: client.revoke_signing_key(SigningKeyRevokeIn(key=public))


def read_secret(file: Path) -> "SignerSecret":
    """Return the key of a file. A file that is none ends the command."""
    from stemtide.protocol.signing.secret_keys import SecretKeyError, SignerSecret

    try:
        return SignerSecret.read(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file} cannot be read: {error}", code=2)
    except SecretKeyError as error:
        fail(f"{file}: {error}", code=2)


def sign_rows(rows: list[dict[str, Any]], file: Path | None) -> list[dict[str, Any]]:
    """Return signals with their signatures; as they are without a key file."""
    if file is None:
        return rows
    secret = read_secret(file)
    return [sign_row(row, secret=secret) for row in rows]


def sign_row(row: dict[str, Any], *, secret: "SignerSecret") -> dict[str, Any]:
    """Return a signal with its signature. The hub names what is wrong with one that is invalid."""
    from pydantic import ValidationError

    from stemtide.fingerprints.url.canonical import UrlError
    from stemtide.protocol.messages.signals import SignalIn

    try:
        body: SignalIn = SignalIn.model_validate_json(msgspec.json.encode(row))
        return row | {"signature": secret.sign(body).signature}
    except (ValidationError, UrlError):
        return row
