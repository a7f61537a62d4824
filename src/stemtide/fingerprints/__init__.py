# SPDX-License-Identifier: Apache-2.0
"""Content becomes fingerprints: images, files and URLs, decoded where they can do no harm."""
