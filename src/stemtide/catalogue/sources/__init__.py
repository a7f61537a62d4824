# SPDX-License-Identifier: Apache-2.0
"""Sources of a scan: what lists the content that a provider has stored."""
