# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL: connect to it, but to no replaced primary; read how far its standbys are."""
