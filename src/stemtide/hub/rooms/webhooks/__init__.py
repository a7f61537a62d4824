# SPDX-License-Identifier: Apache-2.0
"""Webhooks that machines register: what is new for a party, told to an address of its own."""
