# SPDX-License-Identifier: Apache-2.0
"""Rules of the transparency log: the data of leaves, and the flaws that a check finds."""
