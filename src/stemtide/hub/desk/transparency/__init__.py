# SPDX-License-Identifier: Apache-2.0
"""The public page of the transparency log."""
