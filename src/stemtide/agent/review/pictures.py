# SPDX-License-Identifier: Apache-2.0
"""Ask the provider for a picture of held content, and make a small grey one of it.

1 The request is signed like a webhook, with the same secret; the provider checks it in the same
  way, and answers with the file.
2 No redirect is followed, and no more is read than a picture may have.
3 The sandbox decodes it. What is shown is encoded anew from bare pixels; the file itself never
  reaches a browser, and is not kept.
"""

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx

from stemtide import __version__
from stemtide.agent.config.settings import Config
from stemtide.agent.review.exposure import SHOWN_FOR_S
from stemtide.client.connection import is_loopback
from stemtide.fingerprints.analysis import FALLBACK, AnalysisOptions
from stemtide.fingerprints.image.thumbnail import Still, grey, veiled
from stemtide.fingerprints.limits import ContentError, SandboxError
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.protocol import webhook_headers

MAX_BYTES = 32 * 1024 * 1024
_AT_A_TIME = 2
_IN_MEMORY = 8
_OPTIONS = AnalysisOptions(still=True)


class PictureError(Exception):
    """There is no picture. The message says why, for the person who asked."""


class HeldPictures:
    """Pictures of held content."""

    def __init__(self, config: Config, *, sandbox: Sandbox, decoders: ThreadPoolExecutor) -> None:
        self._config = config
        self._sandbox = sandbox
        self._decoders = decoders
        self._turn = asyncio.Semaphore(_AT_A_TIME)
        self._latest: dict[str, tuple[float, Still]] = {}

    @property
    def is_set_up(self) -> bool:
        """Whether the provider can be asked for pictures."""
        return bool(self._config.review.picture_url)

    async def show(self, ref: str, *, look: str, is_veiled: bool) -> bytes:
        """Return a small grey JPEG of content, blurred if is_veiled. raises: PictureError.

        look: the id under which the person asked for it. The last small copies stay in memory for
        some minutes, so that lifting the blur asks nobody again.
        """
        still = await self._find(ref, look)
        encode: Callable[[Still], bytes] = veiled if is_veiled else grey
        return await asyncio.to_thread(encode, still)

    async def _find(self, ref: str, look: str) -> Still:
        now = time.monotonic()
        self._latest = {
            name: (at, still)
            for name, (at, still) in list(self._latest.items())[-_IN_MEMORY:]
            if now - at < SHOWN_FOR_S
        }
        if look in self._latest:
            return self._latest[look][1]
        async with self._turn:
            still = await self._still(await self._fetch(ref))
        self._latest[look] = now, still
        return still

    async def _fetch(self, ref: str) -> bytes:
        """Ask the provider for a file. raises: PictureError."""
        webhook = self._config.webhook
        if webhook is None or not self.is_set_up:
            raise PictureError("picture_url is not set in [review]")
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

    async def _still(self, blob: bytes) -> Still:
        """Return a small copy as bare pixels. raises: PictureError."""
        look = partial(self._sandbox.analyse, blob, options=_OPTIONS, modality=FALLBACK)
        try:
            loop = asyncio.get_running_loop()
            analysis = await loop.run_in_executor(self._decoders, look)
            if analysis.still:
                return Still(*analysis.still)
        except (ContentError, SandboxError, ValueError) as error:
            raise PictureError("the file could not be decoded") from error
        raise PictureError("the file is not a picture that can be decoded, such as a film")


async def _read(response: httpx.Response) -> bytes:
    """Return the body of a response. raises: PictureError."""
    if not response.is_success:
        raise PictureError(f"your own server answered {response.status_code}")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {"", "application/octet-stream"} and not kind.startswith("image/"):
        raise PictureError("your own server did not send a picture")
    parts, size = [], 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > MAX_BYTES:
            raise PictureError(f"the file is larger than {MAX_BYTES // 1024 // 1024} MB")
        parts.append(part)
    return b"".join(parts)
