"""Tests at the product's boundaries; what several of them share stands beside them."""

import pytest

pytest.register_assert_rewrite("tests.browser")
