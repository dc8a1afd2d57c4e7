"""Asserts of the suite that the package carries explain themselves here too."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("rushes.backends.contract")
