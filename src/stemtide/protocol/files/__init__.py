# SPDX-License-Identifier: Apache-2.0
"""File formats that people and programs exchange: CSV, JSON lines, vPDQ."""
