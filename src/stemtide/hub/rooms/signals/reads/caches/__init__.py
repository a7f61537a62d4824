# SPDX-License-Identifier: Apache-2.0
"""Caches of computed values, in memory and in the database. Decisions 0135, 0136."""
