# SPDX-License-Identifier: Apache-2.0
"""Building blocks of all rooms: errors, permissions, documents."""
