# SPDX-License-Identifier: Apache-2.0
"""Public figures of a quarter: the message, its digest, its checks and its CSV file."""
