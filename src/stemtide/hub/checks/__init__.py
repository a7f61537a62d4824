# SPDX-License-Identifier: Apache-2.0
"""Checks that an operator runs: whether the hub's data is right, and whether its set-up is."""
