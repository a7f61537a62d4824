# SPDX-License-Identifier: Apache-2.0
"""The coordinator's end of the wire."""
