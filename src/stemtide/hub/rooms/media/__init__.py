# SPDX-License-Identifier: Apache-2.0
"""Previews that sharers sent with signals: sealed, looked at for a purpose, destroyed on a date."""
