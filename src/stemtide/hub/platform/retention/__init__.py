# SPDX-License-Identifier: Apache-2.0
"""Retention of rows in all rooms: their columns, and rules that all rooms ask."""
