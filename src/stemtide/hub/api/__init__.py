# SPDX-License-Identifier: Apache-2.0
"""HTTP interfaces for programs: the JSON API, the feed, snapshots, the stream, TAXII and MISP."""
