# SPDX-License-Identifier: Apache-2.0
"""Download content for callers who send only its URL, from hosts that the settings allow.

Without the list, any caller could make the agent request addresses inside its network (SSRF).
Other hosts are refused, redirects are not followed, and size and time are limited.
"""

import asyncio
from urllib.parse import urlsplit

import httpx

from stemtide.agent.config.settings import Config

_WITHIN_S = 30.0
_MAX_ADDRESS = 4096


class FetchError(Exception):
    """Content could not be downloaded. The message says why and how to fix it."""


class HostError(FetchError):
    """The host is not in fetch_hosts."""


async def fetch(address: str, *, config: Config) -> bytes:
    """Download the content at a URL. raises: FetchError."""
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").lower()
        _ = parts.port  # raises where it is no number
    except ValueError as error:
        raise FetchError("url: is no web address: send http:// or https:// and a host") from error
    if parts.scheme not in ("http", "https") or not host or len(address) > _MAX_ADDRESS:
        raise FetchError("url: is no web address: send http:// or https:// and a host")
    if host not in config.fetch_hosts:
        raise HostError(
            f"url: this agent fetches nothing from {host[:100]!r}: name the host in fetch_hosts,"
            " or send the content itself with POST"
        )
    try:
        async with asyncio.timeout(_WITHIN_S):
            return await _load(address, limit=config.max_upload_bytes)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        raise FetchError(f"url: cannot be fetched ({type(error).__name__}): try again") from error


async def _load(address: str, *, limit: int) -> bytes:
    """Return the response body. raises: FetchError if it is not OK, empty or too large."""
    body = bytearray()
    async with (
        httpx.AsyncClient(follow_redirects=False, trust_env=False) as client,
        client.stream("GET", address) as response,
    ):
        if response.status_code != httpx.codes.OK:
            raise FetchError(
                f"url: answers {response.status_code}: name where the content itself lies"
            )
        async for part in response.aiter_bytes():
            body += part
            if len(body) > limit:
                raise FetchError(f"url: is larger than max_upload_bytes ({limit}): raise it")
    if not body:
        raise FetchError("url: answers with nothing: name where the content itself lies")
    return bytes(body)
