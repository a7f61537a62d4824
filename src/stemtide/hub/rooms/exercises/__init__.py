# SPDX-License-Identifier: Apache-2.0
"""Exercises that a director runs on this hub, with people and bots."""
