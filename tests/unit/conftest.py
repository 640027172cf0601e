"""How hypothesis looks for counterexamples: the same ones on every machine, however slow it is."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("same everywhere", deadline=None, derandomize=True, database=None)
settings.load_profile("same everywhere")
