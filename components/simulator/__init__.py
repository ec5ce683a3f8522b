"""A behaviour log whose every click probability is known."""

from components.simulator.config import ClickWeights, SimulatorConfig
from components.simulator.report import describe
from components.simulator.simulator import simulate

__all__ = ["ClickWeights", "SimulatorConfig", "describe", "simulate"]
