# SPDX-License-Identifier: Apache-2.0
"""Open the hub's own database from a command that its operator runs on the hub's machine."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from stemtide.cli.speech import fail

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


def open_hub(data_dir: Path | None) -> None:
    """Bring the hub's code up on its database, with its tables up to date."""
    if data_dir is not None:
        os.environ["STEMTIDE_DATA_DIR"] = str(data_dir)
    from django.core.exceptions import ImproperlyConfigured
    from django.db.utils import OperationalError

    from stemtide.hub import boot

    try:
        boot.start()
        boot.migrate()
    except (ImproperlyConfigured, OperationalError, OSError) as error:
        fail(f"the hub's database cannot be opened: {error}")


def now() -> datetime:
    """The time, read at the door."""
    return datetime.now(UTC)
