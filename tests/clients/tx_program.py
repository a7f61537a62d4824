# SPDX-License-Identifier: Apache-2.0
"""`tx`, the program of that name of `tests.forks`.

Its own module reads the place of its state when it is imported. So all that it imports is loaded
here, and the module itself once more in each fork.
"""

import sys

import threatexchange.cli.main  # noqa: F401  # loaded, not used

del sys.modules["threatexchange.cli.main"]


def main() -> object:
    """Run `tx`."""
    from threatexchange.cli.main import main as tx

    return tx()
