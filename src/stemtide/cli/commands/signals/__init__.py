# SPDX-License-Identifier: Apache-2.0
"""Commands for signals: share, import, export, previews, outliers."""
