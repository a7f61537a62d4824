# SPDX-License-Identifier: Apache-2.0
"""Referrals and orders that a provider answers from a message's link, without an account.

There is no database table: a link is signed, and it leads to an alert's delivery.
"""
