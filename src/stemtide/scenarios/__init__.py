# SPDX-License-Identifier: Apache-2.0
"""Scenarios of exercises as data: one TOML file each, its schema and its checker."""
