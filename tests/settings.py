# SPDX-License-Identifier: Apache-2.0
"""The hub's own settings, on a folder of the test run, with a quick password hasher."""

import atexit
import os
import shutil
import tempfile

if "STEMTIDE_DATA_DIR" not in os.environ:
    _folder = tempfile.mkdtemp(prefix="stemtide-tests-")
    os.environ["STEMTIDE_DATA_DIR"] = _folder
    atexit.register(shutil.rmtree, _folder, ignore_errors=True)

# Most tests are about what somebody does once they are in.
os.environ.setdefault("STEMTIDE_SECOND_FACTOR", "offered")

from stemtide.hub.settings import *  # noqa: F403  # the environment comes first

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MIDDLEWARE += ["tests.read_only_views.RefuseWrites"]  # noqa: F405
