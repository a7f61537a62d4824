# SPDX-License-Identifier: Apache-2.0
"""Read reports: every read names the party that asks."""
