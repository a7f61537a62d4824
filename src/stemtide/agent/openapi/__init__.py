# SPDX-License-Identifier: Apache-2.0
"""The agent's OpenAPI document: what is written down of each route, and how it is put together."""
