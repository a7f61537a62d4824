# SPDX-License-Identifier: Apache-2.0
"""Adoptions: which signals of a crisis stay after it, and the end of the others."""
