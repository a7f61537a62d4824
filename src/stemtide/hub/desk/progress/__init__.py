# SPDX-License-Identifier: Apache-2.0
"""Pages of progress figures and yearly reports."""
