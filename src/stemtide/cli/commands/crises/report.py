# SPDX-License-Identifier: Apache-2.0
"""stemtide report: the timeline and report of a crisis, and the yearly reports by law."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from stemtide.cli.commands.crises import public_figures
from stemtide.cli.dsa_files import Half, Out as DsaOut, Year, hand_over, read_form_file, write_new
from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, to_json
from stemtide.cli.hub_command import Request, hub_command, read_pages
from stemtide.cli.output import AsJson, fail, print_note, print_result, printable
from stemtide.protocol.enums import NoteTopic, ReportAudience

if TYPE_CHECKING:
    from pydantic import BaseModel

    from stemtide.client import File, Hub as Client

report = typer.Typer(no_args_is_help=True, help="Reports on a crisis, and yearly reports by law.")

CrisisId = Annotated[str, typer.Argument(help="The crisis id, from: stemtide crisis list.")]
ReportId = Annotated[str, typer.Argument(help="The report's id, from: stemtide report show.")]
Out = Annotated[Path, typer.Option("--out", help="The file to write.")]


def _line(row: dict[str, Any]) -> str:
    """Describe a report on one line."""
    drill = " EXERCISE" if row["exercise"] else ""
    return f"{row['id']}  {row['state']:10} version {row['version']}  {row['crisis_name']}{drill}"


def _sections(row: dict[str, Any]) -> str:
    """Describe a report with its sections."""
    sections = [
        f"  {section['name']:12} {len(section['text']):>6} characters  {section['asks']}"
        for section in row["sections"]
    ]
    return "\n".join([_line(row), *sections])


def _entry_line(row: dict[str, Any]) -> str:
    """Describe an entry of the ledger on one line."""
    who, subject = row["actor"], row["subject"]
    return f"{row['number']:>8}  {row['recorded_at']}  {row['kind']:20} {who} {subject}"


@hub_command(report, "timeline", line=_entry_line)
def timeline(
    crisis_id: CrisisId,
    thing: Annotated[
        list[str] | None, typer.Option(help="Only entries about this type, such as signal.")
    ] = None,
) -> Request:
    """Show the timeline of a crisis, oldest first."""
    return lambda client: read_pages(
        client.read_timeline, "entries", uid=crisis_id, limit=500, thing=thing
    )


@report.command("export")
def export(
    crisis_id: CrisisId,
    out: Out,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
) -> None:
    """Export the whole timeline as .json or .pdf. The ledger records the export."""
    forms: dict[str, Literal["json", "pdf"]] = {".json": "json", ".pdf": "pdf"}
    if out.suffix not in forms:
        fail(f"--out {out}: name a .json or a .pdf file", code=2)
    with open_client(hub, key) as client:
        _save(client.export_timeline(uid=crisis_id, form=forms[out.suffix]), out)


@hub_command(report, "open", line=_line)
def open_report(crisis_id: CrisisId) -> Request:
    """Open the post-crisis report, or its next version."""
    return lambda client: client.open_report(uid=crisis_id)


@hub_command(report, "show", line=_sections)
def show(crisis_id: CrisisId) -> Request:
    """Show the latest report of a crisis, with its sections."""
    return lambda client: client.read_latest_report(uid=crisis_id)


@hub_command(report, "write", line=_line)
def write(
    report_id: ReportId,
    section: Annotated[str, typer.Argument(help="The section's name.")],
    text: Annotated[Path, typer.Argument(help="A file with its text; no personal data.")],
) -> Request:
    """Write one section of a report."""
    from stemtide.protocol.messages.reports import SectionIn

    try:
        body = {"text": text.read_text("utf-8")}
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{text} cannot be read: {error}", code=2)
    return lambda client: client.write_section(
        SectionIn.model_validate(body), uid=report_id, name=section
    )


@hub_command(report, "note", line=_line)
def note(
    report_id: ReportId,
    topic: Annotated[NoteTopic, typer.Argument(metavar="went_well|went_badly|idea")],
    text: Annotated[str, typer.Argument(help="The text; no personal data.")],
) -> Request:
    """Add a debrief note."""
    from stemtide.protocol.messages.reports import NoteIn

    return lambda client: client.add_debrief_note(
        NoteIn.model_validate({"topic": topic, "text": text}), uid=report_id
    )


@hub_command(report, "act", line=_line)
def act(
    report_id: ReportId,
    text: Annotated[str, typer.Argument(help="Action to take.")],
    owner: Annotated[str, typer.Option(help="Party that is responsible.")],
    due: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Due date.")],
) -> Request:
    """Assign an action, with an owner and a due date."""
    from stemtide.protocol.messages.reports import ActionIn

    return lambda client: client.add_debrief_action(
        ActionIn.model_validate({"text": text, "owner": owner, "due": due.date().isoformat()}),
        uid=report_id,
    )


@hub_command(report, "agree", line=_line)
def agree(report_id: ReportId) -> Request:
    """Agree to a report that another party wrote."""
    return lambda client: client.agree_report(uid=report_id)


@hub_command(
    report, "publish", line=_line, confirm="this publishes {report_id} to {audience} for good"
)
def publish(
    report_id: ReportId,
    audience: Annotated[ReportAudience, typer.Option(help="Readers of the report.")],
) -> Request:
    """Publish an agreed report. It can no longer change, and its figures are frozen."""
    from stemtide.protocol.messages.reports import PublishIn

    return lambda client: client.publish_report(
        PublishIn.model_validate({"audience": audience}), uid=report_id
    )


@report.command("print")
def print_report(report_id: ReportId, out: Out, hub: Hub = DEFAULT_HUB, key: Key = "") -> None:
    """Save a report as a PDF."""
    with open_client(hub, key) as client:
        _save(client.print_report(uid=report_id), out)


@report.command("tco")
def tco(
    year: Annotated[int, typer.Option(help="Year to report on.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="A .pdf, .csv or .json file to write.")
    ] = None,
    zone: Annotated[str, typer.Option(help="Where days begin, such as Europe/Brussels.")] = "UTC",
    exercise: Annotated[bool, typer.Option("--exercise", help="Count exercises instead.")] = False,
    member_state: Annotated[
        bool, typer.Option("--member-state", help="The return of your Member State, Article 21.")
    ] = False,
    finish: Annotated[
        bool, typer.Option("--finish", help="Finish a version, which nothing changes later.")
    ] = False,
    change: Annotated[
        str, typer.Option(help="With --finish: what changed since the version before, and why.")
    ] = "",
    version: Annotated[int, typer.Option(min=0, help="A finished version; 0: as it stands.")] = 0,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Report on a year under Regulation (EU) 2021/784.

    Providers report by Article 7, authorities by Article 8, Member States by Article 21.

    Figures that the hub cannot count are entered at the desk. Until then, the report shows them as
    not known and is a draft.
    """
    form = out.suffix.removeprefix(".") if out else "lines"
    if form not in {"pdf", "csv", "json", "lines"}:
        fail(f"--out {out}: name a .pdf, a .csv or a .json file", code=2)
    query: dict[str, Any] = {"year": year, "zone": zone, "exercise": exercise}
    if member_state:
        query["form"] = "tco-art-21"
    with open_client(hub, key) as client:
        if finish:
            _finish_yearly(client, change, query)
        query["version"] = version
        if out is not None and form == "pdf":
            _save(client.print_yearly_report(**query), out)
            return
        answer = client.read_yearly_report(**query)
        yearly = to_json(answer)
    if out is not None and form == "json":
        _save(answer, out)
    elif out is not None:
        _save_csv(yearly, out)
    else:
        _print_yearly(yearly, as_json=as_json)


@report.command("dsa")
def dsa(
    year: Year,
    half: Half = 0,
    form: Annotated[
        Path | None,
        typer.Option(help="A .toml or .json file with what you add; it replaces what is there."),
    ] = None,
    finish: Annotated[
        bool, typer.Option("--finish", help="Finish a version, which nothing changes later.")
    ] = False,
    change: Annotated[
        str, typer.Option(help="With --finish: what changed since the version before, why and how.")
    ] = "",
    version: Annotated[
        int, typer.Option(min=0, help="With --out: this finished version; 0: as it stands.")
    ] = 0,
    out: DsaOut = None,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Fill in the template of DSA transparency reports, as a party.

    The hub counts removal orders, blocks and complaints. Everything else is in --form. Without
    --out, lists the cells that are missing. docs/use/dsa-report.md explains the form.
    """
    from stemtide.protocol.law.dsa.versions import DsaVersionIn

    period = {"year": year, "half": half}
    entries = read_form_file(form) if form else None
    with open_client(hub, key) as client:
        if entries is not None:
            client.write_dsa_form(entries, **period)
        if finish:
            client.finish_dsa_report(DsaVersionIn(change=change), **period)
        if version and out is not None:
            if out.suffix not in {".xlsx", ".zip"}:
                fail(f"--out {out}: name a .xlsx or a .zip file", code=2)
            as_: Literal["xlsx", "zip"] = "xlsx" if out.suffix == ".xlsx" else "zip"
            file = client.download_dsa_report(**period, form=as_, version=version)
            write_new(out, file.content)
            return
        answer = client.read_dsa_report(**period)
    for row in answer.versions:
        print_note(f"Version {row.number}, finished {row.finished_at:%Y-%m-%d}. {row.change}")
    hand_over(answer.report, out, as_json=as_json)


report.command("check")(public_figures.check)


def _finish_yearly(client: "Client", change: str, query: dict[str, Any]) -> None:
    """Finish a version of a yearly report."""
    from stemtide.protocol.law.yearly import YearlyVersionIn

    finished = client.finish_yearly_report(YearlyVersionIn(change=change), **query)
    print_note(f"Version {finished.versions[-1].number} is finished.")


def _save_csv(yearly: dict[str, Any], out: Path) -> None:
    """Write a yearly report as a CSV file."""
    from stemtide.protocol.files.yearly import yearly_csv
    from stemtide.protocol.law.yearly import YearlyReport

    out.write_text(yearly_csv(YearlyReport.model_validate(yearly)), "utf-8", newline="")
    print_note(f"{out}: written.")


def _print_yearly(yearly: dict[str, Any], *, as_json: bool) -> None:
    """Print a yearly report, one line per figure, and list missing parts."""
    figures = [(part, figure) for part in yearly["parts"] for figure in part["figures"]]
    for part, figure in figures:
        is_missing = not (figure["is_known"] or figure["is_given"])
        count = "-" if figure["count"] is None else f"{figure['count']:,}"
        value = "not known" if is_missing else "stated" if figure["kind"] == "words" else count
        line = f"{part['article']:14}  {value:>9}  {figure['title']}"
        print_result(figure | {"article": part["article"]}, as_json=as_json, line=line)
        for words in [] if as_json else figure["text"].splitlines():
            print(printable(f"{'':27}{words}"))
        for piece in [] if as_json else figure["pieces"]:
            print(printable(f"{'':14}  {piece['count']:>9,}    {piece['title']}"))
    if yearly["exercise"]:
        print_note("EXERCISE: only exercises are counted.")
    if yearly["is_empty"]:
        print_note(yearly["nothing"])
    if not yearly["is_over"]:
        print_note(f"The year is not over: counted until {yearly['until']}.")
    if not yearly["is_whole"]:
        print_note("A draft: enter the missing parts at the desk, under Progress, Yearly report.")
    for version in yearly["versions"]:
        print_note(f"Version {version['number']}, finished {version['finished_at'][:10]}.")
    if yearly["due"]:
        act = "sent" if yearly["form"] == "tco-art-21" else "published"
        print_note(f"To be {act} before {yearly['due']}.")
    print_note(yearly["caution"])


def _save(answer: "BaseModel | File", out: Path) -> None:
    """Write a response to a file: files unchanged, anything else as JSON."""
    from stemtide.client import File

    content = answer.content if isinstance(answer, File) else answer.model_dump_json().encode()
    out.write_bytes(content)
    print_note(f"{out}: {len(content):,} bytes.")
