"""A simulator of Chargebee's Exports API: a real HTTP server with a made-up company behind it."""

from __future__ import annotations

from .client import ControlClient, ControlError
from .settings import SettingsError, SimulatorSettings
from .simulator import Simulator

__all__ = ["ControlClient", "ControlError", "SettingsError", "Simulator", "SimulatorSettings"]
