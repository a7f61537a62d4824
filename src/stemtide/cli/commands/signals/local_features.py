# SPDX-License-Identifier: Apache-2.0
"""stemtide signal remove-local."""

from typing import Annotated

import typer

from stemtide.cli.commands.signals.signal import signal
from stemtide.cli.hub_command import Request, hub_command


@hub_command(
    signal,
    "remove-local",
    line=lambda row: f"{row['signal']} has no local features any more.",
    confirm="this removes the local features of {signal_id} at the hub and at every agent",
)
def remove_local(
    signal_id: Annotated[str, typer.Argument(help="The signal's id.")],
) -> Request:
    """Remove the local features of a signal. The signal goes on matching by its hash."""
    return lambda client: client.remove_local_features(uid=signal_id)
