# SPDX-License-Identifier: Apache-2.0
"""Signed snapshots: the hub's signing key, and files with the signals that a party may see.

There is no database table: all files can be rebuilt.
"""
