# SPDX-License-Identifier: Apache-2.0
"""Hold uploads of content in memory, never on disk.

Django writes bodies and files above 2.5 MB to temporary files. What people upload to have it
fingerprinted may be the worst content there is, so nothing of it may be left on a disk. Other
uploads stay with Django's handlers: memory is only for people who are signed in.
"""

import os
from io import BytesIO
from typing import IO, Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopFutureHandlers

MAX_UPLOAD_BYTES = 512 << 20
"""Largest file that people may upload to be fingerprinted."""

SHARE_PATH = "/share"
"""The page that takes such uploads."""


def memory_file() -> IO[bytes]:
    """Return an empty file in memory: on Linux one that a decoder can be given opened."""
    try:
        return os.fdopen(os.memfd_create("upload", os.MFD_CLOEXEC), "w+b")
    except (AttributeError, OSError):
        return BytesIO()


def path_of(file: IO[bytes]) -> str:
    """Return a path to a file of `memory_file`; "" if it has none."""
    try:
        return f"/proc/self/fd/{file.fileno()}"
    except OSError:
        return ""


class MemoryUploadHandler(FileUploadHandler):
    """Takes each file that is uploaded to SHARE_PATH into memory; leaves others to the next one."""

    file: IO[bytes] | None = None

    def new_file(self, *args: Any, **named: Any) -> None:  # noqa: ANN401  # Django's
        """Begin a file."""
        super().new_file(*args, **named)
        self.file = None
        if self.request is not None and self.request.path == SHARE_PATH:
            self.file = memory_file()
            raise StopFutureHandlers

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:  # noqa: ARG002  # Django's
        """Take a piece of the file."""
        if self.file is None:
            return raw_data
        self.file.write(raw_data)
        return None

    def file_complete(self, file_size: int) -> "UploadedFile[Any] | None":
        """Return the whole file."""
        if self.file is None:
            return None
        self.file.seek(0)
        return UploadedFile(
            file=self.file,
            name=self.file_name,
            content_type=self.content_type,
            size=file_size,
            charset=self.charset,
            content_type_extra=self.content_type_extra,
        )

    def upload_interrupted(self) -> None:
        """Release the memory of a file that did not arrive whole."""
        if self.file is not None:
            self.file.close()
