# SPDX-License-Identifier: Apache-2.0
"""Referrals, sent one by one and in batches, and the holds that ask to leave content alone."""
