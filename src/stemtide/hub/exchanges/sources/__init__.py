# SPDX-License-Identifier: Apache-2.0
"""What each kind of other hub speaks: one file a kind, which knows no table."""
