"""The whole site on one machine: PostgreSQL and Redis from wheels, and a supervisor that keeps everything running.

`make demo` starts it, the tests and benchmarks borrow its servers. Nothing in production imports it.
"""
