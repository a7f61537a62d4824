# SPDX-License-Identifier: Apache-2.0
"""A token in software (SoftHSM), where it is installed: a real library of PKCS #11."""

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

LIBRARY = next(
    (path for path in map(Path, ("/usr/lib/softhsm/libsofthsm2.so",)) if path.exists()), None
)
PIN = "271828"


def is_installed():
    """Whether tests can use a token in software."""
    found = (LIBRARY, shutil.which("softhsm2-util"), find_spec("pkcs11"))
    return all(part is not None for part in found)


def begin(folder):
    """Let SoftHSM keep its tokens in a folder, in this process and its children."""
    (folder / "tokens").mkdir(parents=True)
    (folder / "softhsm2.conf").write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n"
        "log.level = ERROR\n"
    )
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")


def make_token(label, key_pem, *, key="seal"):
    """Make a token, and put a key into it."""
    _util("--init-token", "--free", "--label", label, "--so-pin", "314159", "--pin", PIN)
    words = ("--token", label, "--label", key, "--id", "01", "--pin", PIN)
    _util("--import", str(key_pem), *words)


def drop_token(label):
    """Take a token away."""
    _util("--delete-token", "--token", label)


def _util(*words):
    subprocess.run(["softhsm2-util", *words], check=True, capture_output=True)
