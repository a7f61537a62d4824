# SPDX-License-Identifier: Apache-2.0
"""Open the hub's database for commands that its operator runs on the hub's machine."""

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from stemtide.cli.output import fail, print_note

OPERATOR = "operator"
"""How the ledger names the person at the hub's own terminal."""

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Where the hub keeps its files (default: var/hub, or STEMTIDE_DATA_DIR).",
        show_default=False,
    ),
]

Address = Annotated[
    str,
    typer.Option(
        envvar="STEMTIDE_ADDRESS",
        help="The hub's public address, for the link. Default: that of the hub which runs on this"
        " folder.",
        show_default=False,
    ),
]


def open_hub(data_dir: Path | None, *, has_hub_keys: bool = True, is_migrated: bool = True) -> None:
    """Start the hub's code on its database and migrate the tables.

    has_hub_keys: False where it is no error that this host's secret differs from the hub's.
    is_migrated: False for commands that must work on tables of an older version, too.
    """
    if data_dir is not None:
        os.environ["STEMTIDE_DATA_DIR"] = str(data_dir)
    from django.core.exceptions import ImproperlyConfigured
    from django.db import DatabaseError

    from stemtide.hub import boot
    from stemtide.hub.backups.marker import InterruptedRestoreError, check_complete

    try:
        check_complete(data_folder(data_dir))
        boot.start()
        if is_migrated:
            boot.migrate()
        if has_hub_keys:
            check_keys("secret")
    except InterruptedRestoreError as error:
        fail(str(error))
    except (ImproperlyConfigured, DatabaseError, OSError) as error:
        fail(database_trouble(error))


def data_folder(data_dir: Path | None) -> Path:
    """Return the hub's data folder, as its settings do, without reading them."""
    return Path(data_dir or os.environ.get("STEMTIDE_DATA_DIR", "var/hub")).resolve()


def database_trouble(error: Exception) -> str:
    """Return in one line why the hub's database cannot be used, and the remedy."""
    from stemtide.hub.vitals import is_damaged

    reason = " ".join(str(error).split())
    if not is_damaged(error):
        return f"the hub's database cannot be opened: {reason}"
    from django.conf import settings

    path = settings.DATABASES["default"]["NAME"]
    return (
        f"{path} is damaged ({reason}): move the data folder away, restore the last backup with"
        " `stemtide hub restore` and start again; see docs/run/backup.md"
    )


def check_keys(*names: str) -> None:
    """End the command if this host has other keys than its hub."""
    from stemtide.hub import host_keys
    from stemtide.hub.rooms.ledger.rules.keys import KeyName, OtherKeyError

    try:
        host_keys.check(*map(KeyName, names), now=now())
    except OtherKeyError as error:
        fail(str(error), code=2)


def record_keys(*names: str) -> None:
    """Record this host's keys; end the command if they differ from the hub's."""
    from stemtide.hub import host_keys
    from stemtide.hub.rooms.ledger.rules.keys import KeyName, OtherKeyError

    try:
        host_keys.record(*map(KeyName, names), actor=OPERATOR, now=now())
    except OtherKeyError as error:
        fail(str(error), code=2)


def now() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)


def note_address(address: str) -> None:
    """Write the address of the running hub into its folder, for commands that print links."""
    file = _address_file()
    file.write_text(f"{os.getpid()} {address}\n", "utf-8")


def forget_address() -> None:
    """Remove the address that this process wrote."""
    file = _address_file()
    with suppress(OSError):
        if file.read_text("utf-8").startswith(f"{os.getpid()} "):
            file.unlink()


def running_address() -> str:
    """Return the address of the hub that runs on this folder, or "" if none does."""
    with suppress(OSError, ValueError):
        number, _, address = _address_file().read_text("utf-8").strip().partition(" ")
        with suppress(PermissionError):  # it runs, as another user
            os.kill(int(number), 0)
        return address
    return ""


def page_link(address: str, path: str) -> str:
    """Return the link to a page of the hub, or only its path if the hub's address is not known."""
    address = address or running_address()
    if not address:
        print_note(
            "No hub runs on this folder, and STEMTIDE_ADDRESS is not set: put your hub's address"
            " before this path."
        )
    return f"{address.rstrip('/')}/{path}"


def _address_file() -> Path:
    """Return the file with the running hub's address. Call open_hub() first."""
    from django.conf import settings

    return Path(settings.DATA_DIR) / "hub.address"
