# SPDX-License-Identifier: Apache-2.0
"""Requests of data subjects that a party received: what is due when, and how it was answered."""
