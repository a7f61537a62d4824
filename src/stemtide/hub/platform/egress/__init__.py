# SPDX-License-Identifier: Apache-2.0
"""Connections to addresses that others gave and that are not to be trusted: checked, timed, small.

addresses: which addresses may be reached at all. wire: connections that go nowhere else and end in
time. looking: what an address answers, without keeping it. Below all rooms; it knows no table.
"""
