# SPDX-License-Identifier: Apache-2.0
"""A model of copies that spread over services, and of the effect of agents."""
