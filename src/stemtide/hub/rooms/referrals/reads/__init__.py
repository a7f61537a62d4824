# SPDX-License-Identifier: Apache-2.0
"""Read referrals: every read names the party that asks."""
