# SPDX-License-Identifier: Apache-2.0
"""Paper: data typeset as tagged PDF, the hub's electronic seal, and what a sealed PDF says.

It knows no room and no table.
"""
