"""A made-up world with known tastes: a client of the site.

It imports nothing of ours, and the site never imports it.
"""
