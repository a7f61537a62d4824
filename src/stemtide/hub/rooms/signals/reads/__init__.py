# SPDX-License-Identifier: Apache-2.0
"""Read signals: every read names the party that asks."""
