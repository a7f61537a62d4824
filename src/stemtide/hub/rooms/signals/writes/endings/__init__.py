# SPDX-License-Identifier: Apache-2.0
"""End signals at their expiry or their term, and erase them after their end."""
