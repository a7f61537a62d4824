# SPDX-License-Identifier: Apache-2.0
"""Read the facts that a share needs before it is written, and its progress."""
