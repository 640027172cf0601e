"""Ends with 0 if a server in this container listens on a port, else with 1: ``listens.py 8333``."""

import socket
import sys

with socket.socket() as probe:
    probe.settimeout(2)
    sys.exit(probe.connect_ex(("127.0.0.1", int(sys.argv[1]))) != 0)
