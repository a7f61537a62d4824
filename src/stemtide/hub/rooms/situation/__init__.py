# SPDX-License-Identifier: Apache-2.0
"""Log and public statements of a crisis, leads to a threat to life, and the search."""
