# SPDX-License-Identifier: Apache-2.0
"""MISP events: made from signals, and read from others."""
