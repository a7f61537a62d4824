# SPDX-License-Identifier: Apache-2.0
"""Read the files inside archives: zip, tar, 7z, and with an extra RAR and others."""
