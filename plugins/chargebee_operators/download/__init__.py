"""The zip of an export, from its URL: ranges in parallel, resumed where a connection was cut.

In: a function that gives a fresh URL, and the connection. Out: the bytes in order. It runs threads, and it guards the
hosts. URLs are secret: none leaves this wing.
"""
