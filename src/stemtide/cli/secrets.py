# SPDX-License-Identifier: Apache-2.0
"""Write files with a secret: as a whole or not at all."""

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from stemtide.cli.output import fail


@contextmanager
def new_secret_file(path: Path | None) -> Iterator[TextIO]:
    """Open a new file that only its owner can read; it appears once all is written.

    path: None to discard the text. The command fails before it does anything if the file exists
    or cannot be created.
    """
    if path is None:
        yield io.StringIO()
        return
    if path.exists() and path.stat().st_size:
        fail(f"{path} exists already: name another file, or move that one away", code=2)
    try:
        descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}", code=2)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(path)
    finally:
        Path(beside).unlink(missing_ok=True)
