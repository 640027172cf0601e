"""The bytes of a zip in, its members out: inflated, checked, and in bounded memory.

It knows bytes alone: no network, no files, no threads, no CSV.
"""
