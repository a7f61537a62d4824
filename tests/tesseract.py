# SPDX-License-Identifier: Apache-2.0
"""Whether Tesseract and its models for our languages are on this machine."""

import shutil
import subprocess
from functools import cache

LANGUAGES = ("eng", "nld", "fra", "deu")
INSTALL = "apt install tesseract-ocr tesseract-ocr-nld tesseract-ocr-fra tesseract-ocr-deu"


@cache
def is_installed() -> bool:
    """Whether the program lists all four languages."""
    program = shutil.which("tesseract")
    if program is None:
        return False
    listed = subprocess.run([program, "--list-langs"], capture_output=True, text=True, check=False)
    return set(LANGUAGES) <= set(listed.stdout.split())
