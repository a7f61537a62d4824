# SPDX-License-Identifier: Apache-2.0
"""Files with a secret: written whole or not at all, and read with the remedy where one is empty."""

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
    """Open a new file that its owner alone may read; it is there only once all is written.

    path: None for a file that nobody keeps. The command fails before it does anything where the
    file is there already, or cannot be made.
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
