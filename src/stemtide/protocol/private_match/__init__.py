# SPDX-License-Identifier: Apache-2.0
"""Private matching: look digests up at a hub without showing them, and without its list (0208)."""
