# SPDX-License-Identifier: Apache-2.0
"""Telling people: alerts, how each was delivered, who answered, and the contact drill."""
