# SPDX-License-Identifier: Apache-2.0
"""Commands for data protection officers and auditors."""
