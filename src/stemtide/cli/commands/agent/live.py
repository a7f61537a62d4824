# SPDX-License-Identifier: Apache-2.0
"""stemtide agent live: the segments of a stream, as they are written, to an agent."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.output import fail, give, tell

if TYPE_CHECKING:  # at run time it is imported where used, so that --help stays fast
    import httpx

_LOOK_EVERY_S = 0.2
_SETTLED_S = 1.0
"""A segment that has not grown for so long is whole; so is one after which another one came."""


def live(
    names: Annotated[
        list[str], typer.Argument(metavar="SEGMENT|FOLDER…", help="Segments, in their order.")
    ],
    agent: Annotated[str, typer.Option(help="The agent's address (http://…).")],
    stream: Annotated[str, typer.Option(help="Name of the stream.")],
    init: Annotated[
        Path | None, typer.Option(help="The initialisation segment of fragmented MP4 or WebM.")
    ] = None,
    follow_s: Annotated[
        float,
        typer.Option(min=0, help="Wait for further files in the folders until none came so long."),
    ] = 0.0,
    ref: Annotated[str, typer.Option(help="Your own id of the stream.")] = "",
    look: Annotated[bool, typer.Option("--look", help="Decide, and do nothing.")] = False,
    token: Annotated[
        str, typer.Option(envvar="STEMTIDE_AGENT_TOKEN", help="The agent's token, if it has one.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Send a live stream to an agent, segment by segment, and say what is on.

    The files of a folder are sent in the order of their names, each when it is whole. At the end
    the stream is ended.
    """
    import httpx

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    about = {"ref": ref} if ref else {}
    with httpx.Client(base_url=agent, headers=headers, timeout=120) as client:
        path = f"/live/{stream}"
        if init is not None:
            _ask(client, "PUT", f"{path}/init", content=_read(init), params=about)
        asked = about | ({"look": "1"} if look else {})
        for segment in _segments(names, follow_s=follow_s):
            answer = _ask(client, "POST", path, content=_read(segment), params=asked)
            told: dict[str, Any] = {"file": str(segment), **answer.json()}
            give(told, as_json=as_json, line=_line(told))
        _ask(client, "DELETE", path)


def _segments(names: list[str], *, follow_s: float) -> Iterator[Path]:
    """Give each file once, when it is whole: those there are, then those that come."""
    sent: set[Path] = set()
    last_at = time.monotonic()
    while True:
        waiting = [file for file in _files(names) if file not in sent]
        for place, one in enumerate(waiting):
            is_last = place == len(waiting) - 1
            if is_last and follow_s and time.time() - one.stat().st_mtime < _SETTLED_S:
                break
            sent.add(one)
            yield one
            last_at = time.monotonic()
        if not waiting and time.monotonic() - last_at >= follow_s:
            return
        time.sleep(_LOOK_EVERY_S)


def _files(names: list[str]) -> list[Path]:
    found: list[Path] = []
    for name in names:
        path = Path(name)
        if not path.exists():
            fail(f"{name} is no file and no folder here", code=2)
        found += sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]
    return found


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
        fail(f"the agent at {client.base_url} said: {detail_of(error.response)}")
    except httpx.HTTPError as error:
        fail(f"the agent at {client.base_url} cannot be reached ({error}); is it running?")
    return answer


def _line(told: dict[str, Any]) -> str:
    """An answer in words."""
    for remark in told["remarks"]:
        tell(f"  {told['file']}: {remark}")
    action = told["decision"]["action"] or "no match"
    words = [f"{told['file']}  [{told['at_s']}-{told['until_s']} s]  {action}"]
    for one in told["alarms"]:
        how = "begins" if one["is_new"] else "goes on"
        words.append(f"  {one['signal']}  {one['kind']}, {how}")
    return "\n".join(words)
