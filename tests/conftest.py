# SPDX-License-Identifier: Apache-2.0
"""What holds for every test: examples are made up however long that takes on this machine."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "house", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # a limit of time fails where the machine has other work
settings.load_profile("house")
