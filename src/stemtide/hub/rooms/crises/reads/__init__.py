# SPDX-License-Identifier: Apache-2.0
"""Read crises: every read names the party that asks."""
