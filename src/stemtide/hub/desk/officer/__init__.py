# SPDX-License-Identifier: Apache-2.0
"""Pages for data protection officers and auditors."""
