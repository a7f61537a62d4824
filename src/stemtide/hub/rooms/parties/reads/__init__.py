# SPDX-License-Identifier: Apache-2.0
"""Read parties: every read names the party that asks."""
