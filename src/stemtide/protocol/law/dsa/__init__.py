# SPDX-License-Identifier: Apache-2.0
"""Statements of reasons under the Digital Services Act."""
