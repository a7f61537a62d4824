# SPDX-License-Identifier: Apache-2.0
"""Read acts that wait for a second look."""
