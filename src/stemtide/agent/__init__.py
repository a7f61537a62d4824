# SPDX-License-Identifier: Apache-2.0
"""A provider's end of the wire: beside the upload path, without the hub's framework."""
