# SPDX-License-Identifier: Apache-2.0
"""Egress: bounded connections to untrusted addresses that others provided.

addresses: which addresses may be reached at all. connections: to checked addresses only, with a
time limit. probe: ask an address without keeping its content. Knows no database.
"""
