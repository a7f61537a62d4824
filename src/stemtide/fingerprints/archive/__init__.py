# SPDX-License-Identifier: Apache-2.0
"""Read the files inside zip, tar and 7z archives."""
