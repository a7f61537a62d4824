# SPDX-License-Identifier: Apache-2.0
"""Make small grey pictures of held content: of a film, some frames.

The agent's own copy is used if there is one. Otherwise the provider is asked for the file:

1 The request is signed like a webhook, with the same secret; the provider checks it in the same
  way, and answers with the file.
2 No redirect is followed, and no more is read than MAX_BYTES.
3 The sandbox decodes it. What is shown is encoded anew from bare pixels; the file itself never
  reaches a browser, and is not kept.
"""

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx

from stemtide import __version__
from stemtide.agent.config.settings import Config
from stemtide.agent.journal.key import JournalKeyError
from stemtide.agent.review.exposure import SHOWN_FOR_S
from stemtide.agent.review.kept_files import MAX_FILE_BYTES, KeptFiles
from stemtide.client.connection import is_loopback
from stemtide.fingerprints.analysis import FALLBACK, FILM, Analysis, AnalysisOptions
from stemtide.fingerprints.image.thumbnail import Still, grey, of_luma, veiled
from stemtide.fingerprints.limits import ContentError, SandboxError
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.protocol import webhook_headers

MAX_BYTES = MAX_FILE_BYTES
FRAMES = 6
"""Frames that are shown of a film."""

_AT_A_TIME = 2
_IN_MEMORY = 8
_PICTURE, _FILM = AnalysisOptions(still=True), AnalysisOptions(frames=FRAMES)


class PictureError(Exception):
    """There is no picture. The message says why, for the person who asked."""


@dataclass(frozen=True, slots=True)
class HeldPicture:
    """A small picture of held content. at_s: the time of a frame of a film; None of a picture."""

    still: Still
    at_s: float | None = None


def encode(picture: HeldPicture, *, is_veiled: bool) -> bytes:
    """Return a picture as a small grey JPEG, blurred if is_veiled."""
    return veiled(picture.still) if is_veiled else grey(picture.still)


class HeldPictures:
    """Pictures of held content."""

    def __init__(
        self,
        config: Config,
        *,
        kept_files: KeptFiles,
        sandbox: Sandbox,
        decoders: ThreadPoolExecutor,
    ) -> None:
        self._config = config
        self._kept = kept_files
        self._sandbox = sandbox
        self._decoders = decoders
        self._turn = asyncio.Semaphore(_AT_A_TIME)
        self._latest: dict[str, tuple[float, asyncio.Task[tuple[HeldPicture, ...]]]] = {}

    @property
    def is_set_up(self) -> bool:
        """Whether there can be pictures: copies are kept, or the provider can be asked."""
        return self._kept.is_on or bool(self._config.review.picture_url)

    async def find(self, ref: str, *, look: str) -> tuple[HeldPicture, ...]:
        """Return the picture of content, or the frames of a film. raises: PictureError.

        look: the id under which the person asked for it. The last small copies stay in memory for
        some minutes, so that lifting a blur asks nobody again.
        """
        now = time.monotonic()
        self._latest = {
            name: (at, task)
            for name, (at, task) in list(self._latest.items())[-_IN_MEMORY:]
            if now - at < SHOWN_FOR_S
        }
        if look not in self._latest:
            self._latest[look] = now, asyncio.create_task(self._load(ref))
        task = self._latest[look][1]
        try:
            return await asyncio.shield(task)
        except PictureError:
            self._latest.pop(look, None)
            raise

    async def _load(self, ref: str) -> tuple[HeldPicture, ...]:
        async with self._turn:
            blob = await asyncio.to_thread(self._read_kept, ref)
            return await self._pictures(await self._fetch(ref) if blob is None else blob)

    def _read_kept(self, ref: str) -> bytes | None:
        """Return the agent's own copy; None if there is none. raises: PictureError."""
        try:
            return self._kept.read(ref)
        except (JournalKeyError, OSError) as error:
            raise PictureError("the copy that the agent kept cannot be read") from error

    async def _fetch(self, ref: str) -> bytes:
        """Ask the provider for a file. raises: PictureError."""
        webhook = self._config.webhook
        if webhook is None or not self._config.review.picture_url:
            raise PictureError("the agent has no copy, and picture_url is not set in [review]")
        url = self._config.review.picture_url.replace("{ref}", quote(ref, safe=""))
        at = datetime.fromtimestamp(int(datetime.now(UTC).timestamp()), UTC)
        body = json.dumps(
            {
                "type": "content.picture",
                "timestamp": at.isoformat(),
                "data": {"ref": ref, "agent": self._config.name, "max_bytes": MAX_BYTES},
            }
        )
        headers = {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"stemtide-agent/{__version__}",
            **webhook_headers.sign(f"pic_{uuid4().hex}", body, secrets=webhook.secrets, at=at),
        }
        is_direct = is_loopback(urlsplit(url).hostname or "")
        try:
            async with (
                asyncio.timeout(webhook.timeout_s),
                httpx.AsyncClient(trust_env=not is_direct) as client,
                client.stream("POST", url, content=body.encode(), headers=headers) as response,
            ):
                return await _read(response)
        except (httpx.HTTPError, TimeoutError) as error:
            raise PictureError("your own server did not answer") from error

    async def _pictures(self, blob: bytes) -> tuple[HeldPicture, ...]:
        """Return small copies as bare pixels. raises: PictureError."""
        try:
            analysis = await self._analyse(blob, _PICTURE, FALLBACK)
            if analysis.still:
                return (HeldPicture(Still(*analysis.still)),)
            film = await self._analyse(blob, _FILM, FILM)
            if film.frames:
                return tuple(
                    HeldPicture(of_luma(frame.width, frame.height, frame.luma), frame.at_s)
                    for frame in film.frames[:FRAMES]
                )
        except (ContentError, SandboxError, ValueError) as error:
            raise PictureError("the file could not be decoded") from error
        raise PictureError("the file is not a picture or a film that can be decoded")

    async def _analyse(self, blob: bytes, options: AnalysisOptions, modality: str) -> Analysis:
        look = partial(self._sandbox.analyse, blob, options=options, modality=modality)
        return await asyncio.get_running_loop().run_in_executor(self._decoders, look)


async def _read(response: httpx.Response) -> bytes:
    """Return the body of a response. raises: PictureError."""
    if not response.is_success:
        raise PictureError(f"your own server answered {response.status_code}")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {"", "application/octet-stream"} and not kind.startswith(("image/", "video/")):
        raise PictureError("your own server sent neither a picture nor a film")
    parts, size = [], 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > MAX_BYTES:
            raise PictureError(f"the file is larger than {MAX_BYTES // 1024 // 1024} MB")
        parts.append(part)
    return b"".join(parts)
