# SPDX-License-Identifier: Apache-2.0
"""HMA-compatible routes: look-ups, banks, and contents of own banks."""
