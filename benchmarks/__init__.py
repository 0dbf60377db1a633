"""Speed and memory against the tools one would use instead, side by side in one run.

These are measurements, no tests: what must hold is tested in off_platform_tests.
"""
