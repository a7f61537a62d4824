# SPDX-License-Identifier: Apache-2.0
"""Read exchanges: every read names the party that asks."""
