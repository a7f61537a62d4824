# SPDX-License-Identifier: Apache-2.0
"""Signed snapshots: the hub's signing key, and files of all that a party may see, and of changes.

It has no table: what it keeps can be made again.
"""
