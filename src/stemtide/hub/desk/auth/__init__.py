# SPDX-License-Identifier: Apache-2.0
"""Sign in, second factors, sessions and a person's own account."""
