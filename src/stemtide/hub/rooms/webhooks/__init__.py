# SPDX-License-Identifier: Apache-2.0
"""Webhooks that machines register: events for a party, posted to its own address."""
