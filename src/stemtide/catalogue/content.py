# SPDX-License-Identifier: Apache-2.0
"""Read and fingerprint content, in a worker of a scan: a process here, or one of a Ray cluster."""

import atexit
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from stemtide.catalogue.downloads import DownloadError, download
from stemtide.catalogue.items import ItemLook, StoredItem
from stemtide.catalogue.sources.objects import ObjectError, opened
from stemtide.fingerprints.analysis import AnalysisOptions
from stemtide.fingerprints.limits import ContentError, DecodingLimits, SandboxError
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.sandbox.walls import Wall, refusal

_OPTIONS = AnalysisOptions(views=True)


@dataclass(frozen=True, slots=True)
class ReadingSettings:
    """How workers read content.

    accepted:    walls of the sandbox that may be missing.
    fetch_hosts: hosts of the provider, which may be reached at addresses that are not public.
    """

    accepted: frozenset[Wall] = frozenset()
    fetch_hosts: frozenset[str] = frozenset()
    limits: DecodingLimits = field(default_factory=DecodingLimits)


_sandboxes: dict[ReadingSettings, Sandbox] = {}
"""The sandbox of this worker, by its settings: it is started once."""


def look_at(items: Sequence[StoredItem], settings: ReadingSettings) -> list[ItemLook]:
    """Fingerprint pieces of content. Content that cannot be read is returned with the reason.

    raises: SandboxError if a wall around the decoders is missing, or they do not start.
    """
    sandbox = _sandbox(settings)
    return [_look(item, sandbox, settings) for item in items]


def _sandbox(settings: ReadingSettings) -> Sandbox:
    if settings not in _sandboxes:
        sandbox = Sandbox(limits=settings.limits)
        if reason := refusal(sandbox.walls(), accepted=settings.accepted):
            sandbox.close()
            raise SandboxError(f"accept_missing_walls {reason}")
        _sandboxes[settings] = sandbox
        atexit.register(sandbox.close)
    return _sandboxes[settings]


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
