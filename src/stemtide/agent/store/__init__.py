# SPDX-License-Identifier: Apache-2.0
"""The agent's SQLite file and the search index made of it."""
