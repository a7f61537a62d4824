# SPDX-License-Identifier: Apache-2.0
"""Change the transparency log."""
