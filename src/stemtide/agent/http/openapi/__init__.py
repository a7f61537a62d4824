# SPDX-License-Identifier: Apache-2.0
"""The agent's OpenAPI document: descriptions of the routes, and the code that assembles them."""
