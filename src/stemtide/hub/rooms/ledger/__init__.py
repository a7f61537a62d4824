# SPDX-License-Identifier: Apache-2.0
"""Who did what to what, when: append-only, numbered in order."""
