# SPDX-License-Identifier: Apache-2.0
"""Removal orders: their form, deadlines, answers and scrutiny, and preserved content."""
