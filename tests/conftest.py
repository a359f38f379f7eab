"""Settings that must hold before any test imports a numerical library, and the options of the suite."""

import os

os.environ.setdefault("NPROC", "1")  # with two cores, two batched solves in one jitted function can hang
os.environ.setdefault("NO_COLOR", "1")
os.environ.setdefault("OPENGAMES_DEBUG", "1")

import pytest
from hypothesis import HealthCheck, settings

_QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
# the same examples in every run; `HYPOTHESIS_PROFILE=thorough` looks for new ones
settings.register_profile("quiet", deadline=None, derandomize=True, suppress_health_check=_QUIET, print_blob=False)
settings.register_profile("thorough", parent=settings.get_profile("quiet"), derandomize=False, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quiet"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the reports in tests/golden")
