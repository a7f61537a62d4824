# SPDX-License-Identifier: Apache-2.0
"""Alerts to parties: deliveries, acknowledgements and contact drills."""
