# SPDX-License-Identifier: Apache-2.0
"""Egress: bounded connections to untrusted addresses that others provided.

addresses: which addresses may be reached at all. wire: connections to checked addresses only, with
a time limit. looking: probe an address without keeping its content. Below all rooms; no database.
"""
