# SPDX-License-Identifier: Apache-2.0
"""Read what a share needs to know before it is written, and how far it got."""
