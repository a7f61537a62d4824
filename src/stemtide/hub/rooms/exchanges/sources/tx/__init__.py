# SPDX-License-Identifier: Apache-2.0
"""Sources that the package threatexchange speaks, by its own clients. Decision 0217.

pull and push import the package only when they run: it is the extra tx.
"""
