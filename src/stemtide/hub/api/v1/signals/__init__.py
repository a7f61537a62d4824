# SPDX-License-Identifier: Apache-2.0
"""Endpoints for signals: share, search, export, outliers, previews, local features."""
