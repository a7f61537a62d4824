# SPDX-License-Identifier: Apache-2.0
"""Read STIX objects: every read names the party that asks."""
