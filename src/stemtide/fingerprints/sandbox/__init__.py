# SPDX-License-Identifier: Apache-2.0
"""Run decoders in worker processes that can read nothing but the content they are given."""
