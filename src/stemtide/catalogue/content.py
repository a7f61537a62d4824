# SPDX-License-Identifier: Apache-2.0
"""Read and fingerprint content, in a worker of a scan: a process here, or one of a Ray cluster."""

import atexit
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from stemtide.catalogue.downloads import DownloadError, download
from stemtide.catalogue.items import ItemLook, StoredItem
from stemtide.catalogue.sources.objects import ObjectError, opened
from stemtide.fingerprints.analysis import AnalysisOptions
from stemtide.fingerprints.limits import ContentError, DecodingLimits, SandboxError
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.sandbox.walls import Wall, refusal

_OPTIONS = AnalysisOptions(views=True)

_START_S = 600.0
"""Wall time for decoders to start. Nobody waits for a scan, and its machine may be loaded."""

_STARTS = 3
"""Sandboxes that are started, one after another, before a scan gives up."""


logger = logging.getLogger(__name__)


class WallsMissingError(SandboxError):
    """A wall around the decoders is missing, which starting them anew does not change."""


@dataclass(frozen=True, slots=True)
class ReadingSettings:
    """How workers read content.

    accepted:    walls of the sandbox that may be missing.
    fetch_hosts: hosts of the provider, which may be reached at addresses that are not public.
    """

    accepted: frozenset[Wall] = frozenset()
    fetch_hosts: frozenset[str] = frozenset()
    limits: DecodingLimits = field(default_factory=partial(DecodingLimits, start_s=_START_S))


_sandboxes: dict[ReadingSettings, Sandbox] = {}
"""The sandbox of this worker, by its settings: it is started once."""


def look_at(items: Sequence[StoredItem], settings: ReadingSettings) -> list[ItemLook]:
    """Fingerprint pieces of content. Content that cannot be read is returned with the reason.

    raises: SandboxError if a wall around the decoders is missing, or they do not start even when
            they are started anew.
    """
    return [_look_patiently(item, settings) for item in items]


def _look_patiently(item: StoredItem, settings: ReadingSettings) -> ItemLook:
    """Fingerprint content, in a new sandbox if decoders do not start. raises: SandboxError."""
    for _ in range(_STARTS - 1):
        try:
            return _look(item, _sandbox(settings), settings)
        except WallsMissingError:
            raise
        except SandboxError as error:
            logger.warning("decoders are started anew: %s", error)
            _end_sandbox(settings)
    return _look(item, _sandbox(settings), settings)


def _sandbox(settings: ReadingSettings) -> Sandbox:
    if settings not in _sandboxes:
        _sandboxes[settings] = sandbox = Sandbox(limits=settings.limits)
        atexit.register(sandbox.close)
        if reason := refusal(sandbox.walls(), accepted=settings.accepted):
            _end_sandbox(settings)
            raise WallsMissingError(f"accept_missing_walls {reason}")
    return _sandboxes[settings]


def _end_sandbox(settings: ReadingSettings) -> None:
    """End the sandbox of this worker. The next content starts another one."""
    sandbox = _sandboxes.pop(settings)
    atexit.unregister(sandbox.close)
    sandbox.close()


def _look(item: StoredItem, sandbox: Sandbox, settings: ReadingSettings) -> ItemLook:
    try:
        with _content(item, settings) as content:
            prints = sandbox.analyse(content, options=_OPTIONS).fingerprints
    except (ContentError, DownloadError, ObjectError, OSError) as error:
        return ItemLook(item, None, str(error))
    return ItemLook(item, prints, "; ".join(prints.remarks) if prints.is_incomplete else "")


@contextmanager
def _content(item: StoredItem, settings: ReadingSettings) -> Iterator[bytes | str]:
    """Yield content, or its path. raises: DownloadError, ObjectError."""
    limits = settings.limits
    if item.location.startswith(("http://", "https://")):
        trusted = settings.fetch_hosts
        yield download(item.location, trusted=trusted, max_bytes=limits.max_input_bytes)
    elif "://" in item.location:
        with opened(item, max_bytes=limits.max_file_bytes) as content:
            yield content
    else:
        yield item.location
