"""Measurements, as ratios against a peer measured in the same run. Nothing here is part of the tests."""
