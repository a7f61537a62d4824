# SPDX-License-Identifier: Apache-2.0
"""stemtide signal preview, and the key that encrypts the hub's previews."""

import base64
from pathlib import Path
from typing import Annotated

import typer

from stemtide.cli.commands.signals.signal import end_of, signal
from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, to_json
from stemtide.cli.local_hub import OPERATOR, DataDir, now, open_hub, record_keys
from stemtide.cli.output import AsJson, fail, print_note, print_result

previews = typer.Typer(no_args_is_help=True, help="Encryption key of previews.")


@signal.command("preview")
def preview(
    signal_id: Annotated[str, typer.Argument(help="The id of a signal that your party shared.")],
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A picture, or a text file with --excerpt.")
    ],
    expires: Annotated[str, typer.Option(help="Time of destruction: 12h, 3d or an ISO time.")],
    excerpt: Annotated[
        bool, typer.Option("--excerpt", help="The file is a short text, not a picture.")
    ] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Send a small preview for people in a signal's crisis to judge.

    This is the only command that sends content. The hub makes its own small picture of it, stores
    that encrypted, and destroys it on the given date.
    """
    try:
        blob = file.read_bytes()
        sent = blob.decode() if excerpt else base64.b64encode(blob).decode()
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file} cannot be read: {error}", code=2)
    body = {"excerpt" if excerpt else "still": sent, "expires_at": end_of(expires)}
    from stemtide.protocol.messages.previews import PreviewIn

    with open_client(hub, key) as client:
        row = to_json(client.send_preview(PreviewIn.model_validate(body), uid=signal_id))
    line = f"{row['id']} is kept until {row['expires_at']} ({row['size_bytes']} bytes)."
    print_result(row, as_json=as_json, line=line)


@previews.command("rotate-key")
def rotate_key(
    data_dir: DataDir = None,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm the action.")] = False,
    as_json: AsJson = False,
) -> None:
    """Encrypt previews and local features with a new key.

    The old keys are dropped. Run it on the hub's machine. A hub of several machines shares one
    file: run it once.
    """
    open_hub(data_dir)
    from django.conf import settings

    from stemtide.hub.rooms.local_features import writes as local_features
    from stemtide.hub.rooms.media import writes
    from stemtide.hub.rooms.media.keys import KeyFileError, add_key, drop_old_keys

    path = settings.MEDIA_KEY_FILE
    if not yes:
        fail(f"this replaces the key in {path}; add --yes to confirm", code=2)
    try:
        record_keys("media")
        keys = add_key(path)
        pictures = local_features.reseal(keys=keys)
        count = writes.reseal(keys=keys, actor=OPERATOR, now=now())
        record_keys("media")
        drop_old_keys(path)
    except (KeyFileError, OSError) as error:
        fail(f"the old keys stay in use: {error}")
    print_note(
        "Earlier backups of the database need the old key: keep it as long as they are kept."
    )
    print_result(
        {"resealed": count, "local_features": pictures},
        as_json=as_json,
        line=f"{count} previews and local features of {pictures} pictures are encrypted with the"
        " new key.",
    )
