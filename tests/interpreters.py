# SPDX-License-Identifier: Apache-2.0
"""The languages other than Python in which recipes are written."""

import shutil

PHP, RUBY = shutil.which("php"), shutil.which("ruby")
