# SPDX-License-Identifier: Apache-2.0
"""Records as StopNCII's clients read and send them."""
