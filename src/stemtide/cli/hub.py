# SPDX-License-Identifier: Apache-2.0
"""stemtide hub: run the coordinator's end of the wire."""

from typing import Annotated

import typer

from stemtide.cli.house import DataDir, open_hub
from stemtide.cli.speech import give, tell, told

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
    from stemtide.hub import boot
    from stemtide.hub.papers.keeping import SealFileError

    def ready(address: str) -> None:
        give({"hub": address}, as_json=as_json, line=f"The hub listens at {address}")
        if not as_json:
            tell("Add a party: stemtide party add NAME --kind authority. Stop with Ctrl-C.")

    with told(SealFileError):
        boot.serve(host, port, ready=ready)
