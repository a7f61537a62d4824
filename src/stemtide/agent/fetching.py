# SPDX-License-Identifier: Apache-2.0
"""Fetch content for callers who only know its address, from hosts that the settings name.

Whoever may ask an agent could otherwise have it ask anything inside its network. Other hosts are
refused, redirects are not followed, and what is too large or too slow is given up.
"""

import asyncio
from urllib.parse import urlsplit

import httpx

from stemtide.agent.config import Config

_WITHIN_S = 30.0
_MAX_ADDRESS = 4096


class FetchError(Exception):
    """Content could not be fetched. The message says why and what to do."""


class HostError(FetchError):
    """No setting lets the agent ask that host."""


async def fetch(address: str, *, config: Config) -> bytes:
    """The content at an address. raises: FetchError."""
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
    """All of an answer. raises: FetchError for one that is none of content, or too large."""
    body = bytearray()
    async with (
        httpx.AsyncClient(follow_redirects=False, trust_env=False) as client,
        client.stream("GET", address) as answer,
    ):
        if answer.status_code != httpx.codes.OK:
            raise FetchError(
                f"url: answers {answer.status_code}: name where the content itself lies"
            )
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > limit:
                raise FetchError(f"url: is larger than max_upload_bytes ({limit}): raise it")
    if not body:
        raise FetchError("url: answers with nothing: name where the content itself lies")
    return bytes(body)
