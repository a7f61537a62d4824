# SPDX-License-Identifier: Apache-2.0
"""Read a crisis's situation: every read names the party that asks."""
