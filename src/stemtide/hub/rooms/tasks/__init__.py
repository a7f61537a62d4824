# SPDX-License-Identifier: Apache-2.0
"""Tasks of the response to a crisis: who does what, and by when."""
