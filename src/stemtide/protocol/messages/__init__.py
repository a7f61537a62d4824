# SPDX-License-Identifier: Apache-2.0
"""Messages of the hub's API, one module for each subject."""
