# SPDX-License-Identifier: Apache-2.0
"""stemtide agent live: send the segments of a stream to an agent as they are written."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.output import fail, print_note, print_result

if TYPE_CHECKING:  # at run time it is imported where used, so that --help stays fast
    import httpx

_LOOK_EVERY_S = 0.2
_SETTLED_S = 1.0
"""A segment that has not grown for so long is whole; so is one after which another one came."""


def live(
    names: Annotated[
        list[str], typer.Argument(metavar="SEGMENT|FOLDER…", help="Segments, in order.")
    ],
    agent: Annotated[str, typer.Option(help="The agent's address (http://…).")],
    stream: Annotated[str, typer.Option(help="Name of the stream.")],
    init: Annotated[
        Path | None, typer.Option(help="The initialisation segment of fragmented MP4 or WebM.")
    ] = None,
    follow_s: Annotated[
        float,
        typer.Option(min=0, help="Seconds to wait for further files in the folders."),
    ] = 0.0,
    ref: Annotated[str, typer.Option(help="Your own id of the stream.")] = "",
    look: Annotated[bool, typer.Option("--look", help="Decide without taking action.")] = False,
    token: Annotated[
        str, typer.Option(envvar="STEMTIDE_AGENT_TOKEN", help="The agent's token, if it has one.")
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line.")
    ] = False,
) -> None:
    """Send a live stream to an agent and print its matches.

    Files of a folder are sent in order of their names, each once it is complete. At the end, the
    stream is closed.
    """
    import httpx

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    about = {"ref": ref} if ref else {}
    with httpx.Client(base_url=agent, headers=headers, timeout=120) as client:
        path = f"/live/{stream}"
        if init is not None:
            _ask(client, "PUT", f"{path}/init", content=_read(init), params=about)
        params = about | ({"look": "1"} if look else {})
        for segment in _segments(names, follow_s=follow_s):
            answer = _ask(client, "POST", path, content=_read(segment), params=params)
            row: dict[str, Any] = {"file": str(segment), **answer.json()}
            print_result(row, as_json=as_json, line=_line(row))
        _ask(client, "DELETE", path)


def _segments(names: list[str], *, follow_s: float) -> Iterator[Path]:
    """Yield each file once it is complete: first those present, then new ones."""
    sent: set[Path] = set()
    last_at = time.monotonic()
    while True:
        waiting = [file for file in _files(names) if file not in sent]
        for place, segment in enumerate(waiting):
            is_last = place == len(waiting) - 1
            if is_last and follow_s and time.time() - segment.stat().st_mtime < _SETTLED_S:
                break
            sent.add(segment)
            yield segment
            last_at = time.monotonic()
        if not waiting and time.monotonic() - last_at >= follow_s:
            return
        time.sleep(_LOOK_EVERY_S)


def _files(names: list[str]) -> list[Path]:
    files: list[Path] = []
    for name in names:
        path = Path(name)
        if not path.exists():
            fail(f"{name} is not a file or folder", code=2)
        files += (
            sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]
        )
    return files


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        fail(f"{path} cannot be read: {error.strerror or error}")


def _ask(
    client: "httpx.Client",
    method: str,
    path: str,
    *,
    content: bytes = b"",
    params: dict[str, str] | None = None,
) -> "httpx.Response":
    import httpx

    from stemtide.cli.commands.agent.lookup import detail_of

    kind = {"Content-Type": "application/octet-stream"}
    try:
        answer = client.request(method, path, content=content, params=params, headers=kind)
        answer.raise_for_status()
    except httpx.HTTPStatusError as error:
        fail(f"the agent at {client.base_url} answered: {detail_of(error.response)}")
    except httpx.HTTPError as error:
        fail(f"the agent at {client.base_url} cannot be reached ({error}); is it running?")
    return answer


def _line(report: dict[str, Any]) -> str:
    """Describe a response for people."""
    for remark in report["remarks"]:
        print_note(f"  {report['file']}: {remark}")
    action = report["decision"]["action"] or "no match"
    words = [f"{report['file']}  [{report['at_s']}-{report['until_s']} s]  {action}"]
    for alarm in report["alarms"]:
        status = "begins" if alarm["is_new"] else "goes on"
        words.append(f"  {alarm['signal']}  {alarm['kind']}, {status}")
    return "\n".join(words)
