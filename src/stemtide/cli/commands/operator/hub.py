# SPDX-License-Identifier: Apache-2.0
"""stemtide hub: run the coordinator's end of the wire."""

from typing import Annotated

import typer

from stemtide.cli.local_hub import (
    OPERATOR,
    DataDir,
    check_keys,
    database_trouble,
    forget_address,
    note_address,
    now,
    open_hub,
    record_keys,
)
from stemtide.cli.output import fail, give, tell, told

hub = typer.Typer(no_args_is_help=True, help="The coordinator's hub.")


@hub.command("start")
def start(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8100,
    data_dir: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say the address as JSON.")] = False,
) -> None:
    """Start the hub and its clock; it makes its database the first time.

    Settings are in docs/run/hub.md. Ctrl-C or SIGTERM stops it.
    """
    open_hub(data_dir)
    from django.db import DatabaseError

    from stemtide.hub import boot
    from stemtide.hub.platform.documents.seal_files import SealFileError
    from stemtide.hub.rooms.ledger.rules.keys import OtherKeyError
    from stemtide.hub.rooms.media.keys import KeyFileError
    from stemtide.hub.rooms.snapshots.builder import hub_keys
    from stemtide.hub.rooms.snapshots.keys import SigningKeyError

    def ready(address: str) -> None:
        note_address(address)
        own = hub_keys().public[0]
        row: dict[str, object] = {"hub": address, "key": str(own), "fingerprint": own.fingerprint}
        give(row, as_json=as_json, line=f"The hub listens at {address}")
        if not as_json:
            tell(f"It signs snapshots with the key {own.fingerprint}")
            tell("Add a party: stemtide party add NAME --kind authority. Stop with Ctrl-C.")

    try:
        with told(SealFileError, SigningKeyError, KeyFileError):
            boot.serve(host, port, ready=ready)
    except OtherKeyError as error:
        fail(str(error), code=2)
    except DatabaseError as error:
        fail(database_trouble(error))
    finally:
        forget_address()


@hub.command("keys")
def keys(
    data_dir: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Say the public keys that the hub signs snapshots with, newest first.

    Run it on the hub's machine, and read the fingerprint to whoever asks by telephone.
    """
    open_hub(data_dir)
    from stemtide.hub.rooms.snapshots.builder import hub_keys
    from stemtide.hub.rooms.snapshots.keys import SigningKeyError

    with told(SigningKeyError):
        check_keys("signing")
        found = hub_keys().public
    for one in found:
        row: dict[str, object] = {"key": str(one), "fingerprint": one.fingerprint}
        give(row, as_json=as_json, line=f"{one}  {one.fingerprint}")


@hub.command("rotate-key")
def rotate_key(
    data_dir: DataDir = None,
    forget_old: Annotated[
        bool, typer.Option("--forget-old", help="Drop all keys but the newest, and make none.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Make a new key to sign snapshots with; the old ones sign beside it until they are dropped.

    Run it on the hub's machine. A hub of several machines shares one file: run it once.
    """
    open_hub(data_dir)
    from django.conf import settings

    from stemtide.hub.rooms.snapshots.keys import SigningKeyError, add_key, drop_old_keys

    path = settings.SIGNING_KEY_FILE
    if not yes:
        fail(f"this changes the keys in {path}; say --yes to do it", code=2)
    with told(SigningKeyError, OSError):
        record_keys("signing")
        own = (drop_old_keys(path) if forget_old else add_key(path)).public[0]
        record_keys("signing")
    row: dict[str, object] = {"key": str(own), "fingerprint": own.fingerprint}
    give(row, as_json=as_json, line=f"{own}  {own.fingerprint}")
    if forget_old:
        tell("Whoever trusts an old key alone takes no snapshot of this hub any more.")
    else:
        tell("Tell it to all who take snapshots; then: stemtide hub rotate-key --forget-old --yes")


@hub.command("accept-key")
def accept_key(
    name: Annotated[str, typer.Argument(help="secret, signing, media or seal.")],
    data_dir: DataDir = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
) -> None:
    """Make this machine's key the hub's, in the place of one that is lost or was stolen.

    The hub's other machines do not start again until they have a copy of it.
    """
    open_hub(data_dir, has_hub_keys=False)
    from stemtide.hub import host_keys
    from stemtide.hub.platform.documents.seal_files import SealFileError
    from stemtide.hub.rooms.ledger.rules.keys import KeyName
    from stemtide.hub.rooms.media.keys import KeyFileError
    from stemtide.hub.rooms.snapshots.keys import SigningKeyError

    if name not in set(KeyName):
        fail(f"{name!r} is no key of a hub: give one of {', '.join(KeyName)}", code=2)
    if not yes:
        fail(f"what the {name} key before sealed or signed may no longer open; say --yes", code=2)
    with told(SealFileError, SigningKeyError, KeyFileError, OSError):
        is_other = host_keys.accept(KeyName(name), by=OPERATOR, now=now())
    tell(f"The {name} key of this machine is the hub's" + ("." if is_other else " already."))
