# SPDX-License-Identifier: Apache-2.0
"""Fingerprint uploaded content in the hub's sandbox. Nothing of it is kept."""

import atexit
from functools import cache
from typing import Any

from django.core.files.uploadedfile import UploadedFile

from stemtide.fingerprints.analysis import TEXT, Analysis, AnalysisOptions
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.limits import ContentError, DecodingLimits
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.hub.desk.sharing.items import Item, measured_item
from stemtide.hub.platform.disconnects import check_caller
from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.platform.uploads import MAX_UPLOAD_BYTES, path_of

_LIMITS = DecodingLimits(
    max_input_bytes=MAX_UPLOAD_BYTES,
    max_file_bytes=MAX_UPLOAD_BYTES,
    long_cpu_s=600,
    long_wall_s=900.0,
)
_OPTIONS = AnalysisOptions(share=True, language=True)
_IN_MEMORY_BYTES = 8 << 20
"""A larger file is given to the worker opened, so that there is no further copy of it."""


@cache
def _sandbox() -> Sandbox:
    """Return the workers, which start with the first upload."""
    sandbox = Sandbox(workers=2, limits=_LIMITS)
    atexit.register(sandbox.close)
    return sandbox


def item_of_file(file: "UploadedFile[Any]") -> Item:
    """Return an uploaded file as an item.

    raises: InvalidError if it is too large or empty; SandboxError if the sandbox does not start.
    """
    size_bytes = file.size or 0
    if size_bytes > MAX_UPLOAD_BYTES:
        raise InvalidError(
            "file",
            "a file has at most {most} MiB here: share larger ones with the command line",
            most=MAX_UPLOAD_BYTES >> 20,
        )
    if not size_bytes:
        raise InvalidError("file", "the file is empty: choose another one")
    path = path_of(file) if size_bytes > _IN_MEMORY_BYTES else ""
    analysis = _analysis(path or file.read(), field="file")
    return measured_item(analysis, name=file.name or "")


def item_of_text(text: str) -> Item:
    """Return a text as an item: its sketch alone, as its digest would be that of no file.

    raises: InvalidError, SandboxError.
    """
    item = measured_item(_analysis(text.encode(), field="value", modality=TEXT), name="")
    sketches = tuple(row for row in item.prints if row.kind is Kind.TEXT)
    if not sketches:
        raise InvalidError(
            "value",
            "this is no hash and no web address, and as a text it is too short to be known again:"
            " paste more of it",
        )
    return item.model_copy(update={"prints": sketches})


def _analysis(content: bytes | str, *, field: str, modality: str = "") -> Analysis:
    """Return the fingerprints of content, while the caller waits. raises: InvalidError."""

    def progress(_done: float, _total: float) -> None:
        check_caller()

    try:
        return _sandbox().analyse(content, options=_OPTIONS, modality=modality, progress=progress)
    except ContentError as error:
        raise InvalidError(field, str(error)) from error
