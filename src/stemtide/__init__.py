# SPDX-License-Identifier: Apache-2.0
"""Stemtide: stop the viral spread of terrorist and violent extremist content, together."""

__version__ = "0.1.0"
