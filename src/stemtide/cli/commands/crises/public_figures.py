# SPDX-License-Identifier: Apache-2.0
"""stemtide report check: whether published figures hold, for strangers and for auditors."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from stemtide.cli.commands.ledger.trust import MOST_SHOWN, Trust, count_faults, trusted_keys
from stemtide.cli.local_hub import DataDir, open_hub
from stemtide.cli.output import AsJson, fail, fail_on, print_note, print_result

if TYPE_CHECKING:
    from stemtide.protocol.tlog.audit import LogCopy, Read

_LATEST = timedelta(days=14)
"""From the end of a quarter until its figures are published and in the public log."""

QuarterName = Annotated[
    str,
    typer.Argument(
        metavar="[QUARTER]",
        help="A quarter, such as 2026-Q4. Default: all that are published.",
        show_default=False,
    ),
]
Address = Annotated[
    str,
    typer.Option(
        "--hub",
        help="A hub's address. Default: the database of the hub on this machine.",
        show_default=False,
    ),
]


def check(
    quarter: QuarterName = "",
    hub: Address = "",
    trust: Trust = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Check the public figures of a hub.

    It exits with 1 if something does not hold, and prints what. With --hub it needs no account: it
    checks the sums, and that the hub's transparency log has the digest of the figures. On the hub's
    machine it counts each figure again from the ledger.
    """
    from stemtide.protocol.figures.quarters import Quarter, QuarterError

    if quarter:
        try:
            Quarter.read(quarter)
        except QuarterError as error:
            fail(str(error), code=2)
    if hub:
        _check_published(hub.rstrip("/"), quarter, trust=trust or [], as_json=as_json)
    else:
        open_hub(data_dir)
        _recount(quarter, as_json=as_json)


def _recount(quarter: str, *, as_json: bool) -> None:
    """Count figures again on the hub's machine."""
    from stemtide.hub.rooms.reports.reads.recount import check as checks

    names = [quarter] if quarter else checks.quarters()
    flaws = 0
    for name in names:
        result = checks.check(name)
        _print_faults(name, result.faults, as_json=as_json)
        flaws += len(result.faults)
        for table in result.gone:
            print_note(
                f"{name}: {table} cannot be recomputed any more, as rows that it counts were erased"
                " or changed since"
            )
        if not result.faults:
            row: dict[str, object] = {"quarter": name, "holds": True, "gone": result.gone}
            line = f"{name}: {result.figures} figures hold."
            print_result(row | {"figures": result.figures}, as_json=as_json, line=line)
    _end(flaws, count=len(names))


def _check_published(hub: str, quarter: str, *, trust: Sequence[str], as_json: bool) -> None:
    """Check figures as a stranger gets them."""
    from stemtide.cli.commands.ledger import logs
    from stemtide.protocol.tlog.audit import LogCopy

    flaws = 0
    with fail_on(*logs.ERRORS):
        files = logs.figures_reader(hub)
        names = [quarter] if quarter else files("quarters").decode(errors="replace").split()
        read = logs.reader_of(hub, key="")
        log = LogCopy(logs.read_head(read, trusted=trusted_keys(read, trust)), read)
        for name in names:
            faults, is_proved = _faults_of(name, files=files, log=log)
            _print_faults(name, faults, as_json=as_json)
            flaws += len(faults)
            if not faults:
                row: dict[str, object] = {"quarter": name, "holds": True, "proved": is_proved}
                proved = ", and the log has the digest" if is_proved else ""
                print_result(row, as_json=as_json, line=f"{name}: the sums hold{proved}.")
    _end(flaws, count=len(names))


def _faults_of(name: str, *, files: "Read", log: "LogCopy") -> tuple[list[str], bool]:
    """Return the faults of a quarter's figures, and whether the log has their digest.

    raises: LogReadError, TileError.
    """
    from stemtide.protocol.figures import sums
    from stemtide.protocol.figures.proofs import FiguresError, proof_faults, read_figures

    text = files(f"{name}.json").decode(errors="replace")
    try:
        figures = read_figures(text, quarter=name)
    except FiguresError as error:
        return [str(error)], False
    faults = list(sums.faults(figures))
    if log.head.size <= figures.head + 1:
        if datetime.now(UTC).date() > figures.last + _LATEST:
            faults.append("the public log still lacks the entry of these figures")
            return faults, False
        print_note(
            f"{name}: the public log has {log.head.size} leaves, and does not have entry"
            f" {figures.head + 1} with the digest of these figures yet: check again tomorrow."
        )
        return faults, False
    proof = files(f"{name}/proof").decode(errors="replace")
    faults += proof_faults(text, proof=proof, figures=figures, log=log)
    return faults, not faults


def _print_faults(name: str, faults: Sequence[str], *, as_json: bool) -> None:
    """Print what does not hold."""
    for text in faults if as_json else faults[:MOST_SHOWN]:
        row: dict[str, object] = {"quarter": name, "holds": False, "text": text}
        print_result(row, as_json=as_json, line=f"{name}: {text}")


def _end(flaws: int, *, count: int) -> None:
    """End with 1 if something does not hold."""
    if flaws:
        fail(f"{count_faults(flaws)}: keep this output and the files")
    if not count:
        print_note("There are no figures yet.")
