# SPDX-License-Identifier: Apache-2.0
"""Values of fingerprints: their bytes and their checks. Reading them needs no decoder."""
