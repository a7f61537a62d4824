# SPDX-License-Identifier: Apache-2.0
"""Read complaints: every read names the party that asks."""
