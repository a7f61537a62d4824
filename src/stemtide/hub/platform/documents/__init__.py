# SPDX-License-Identifier: Apache-2.0
"""Typeset documents as tagged PDF, seal them, and verify sealed PDFs.

It knows no room and no table.
"""
