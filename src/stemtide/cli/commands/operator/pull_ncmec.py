# SPDX-License-Identifier: Apache-2.0
"""stemtide hub pull-ncmec: keep the list of known child sexual abuse material up to date."""

import time
from pathlib import Path
from typing import Annotated

import typer

from stemtide.cli.commands.operator.exchange import read_secret
from stemtide.cli.commands.operator.hub import hub
from stemtide.cli.local_hub import DataDir, now, open_hub
from stemtide.cli.output import AsJson, fail, fail_on, print_note, print_result


@hub.command("pull-ncmec")
def pull_ncmec(
    path: Annotated[Path, typer.Argument(help="The file that STEMTIDE_REFUSED_VALUES_FILE names.")],
    address: Annotated[str, typer.Option(help="Address of one of NCMEC's hash lists.")],
    account: Annotated[str, typer.Option(help="Your user name there.")],
    secret_file: Annotated[Path, typer.Option(help="File with its password; - for stdin.")],
    minutes: Annotated[int, typer.Option(min=1, max=720, help="Longest duration.")] = 30,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Update refused values from a hash list of NCMEC.

    The values are refused, and become no signals. Run it again, such as each hour, for changes.
    """
    secret = read_secret(secret_file)
    open_hub(data_dir)
    import sqlite3

    from django.conf import settings

    from stemtide.hub.rooms.exchanges.sources.source import SourceClient
    from stemtide.hub.rooms.exchanges.sources.tx import refused_list

    endpoint = refused_list.endpoint_of(
        address, account=account, secret=secret, loopback=settings.EXCHANGE_LOOPBACK
    )
    end = time.monotonic() + 60 * minutes
    is_done = False
    result = refused_list.ListUpdate()
    with fail_on(refused_list.OtherSourceError, sqlite3.Error, OSError):
        while not is_done:
            client = SourceClient(endpoint, until=end, now=now())
            part = refused_list.update_list(path, client=client)
            result = refused_list.total(result, part)
            is_done = not part.more or time.monotonic() >= end
    row = {
        "values": result.values,
        "changed": result.changed,
        "others": dict(result.others),
        "faults": result.faults,
        "more": result.more,
        "why": result.why,
    }
    more = "; there is more: run it again" if result.more else ""
    line = f"{result.values:,} values are in {path.name}; {result.changed:,} entries changed{more}"
    print_result(row, as_json=as_json, line=line)
    for name, count in result.others.most_common():
        print_note(f"not compared: {count:,} of type {name}")
    if result.faults:
        print_note(f"not taken: {result.faults:,} that are no values of their type")
    if result.why:
        fail(result.why)
