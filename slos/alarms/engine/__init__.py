"""The alarms as pure computing: burn rates, volume, drift. Standard library only; no database, no clock."""

from slos.alarms.engine.burning import Look, Standing, standing_of
from slos.alarms.engine.drift import Drift, Step, drift_of
from slos.alarms.engine.volume import Volume, volume_of

__all__ = ["Drift", "Look", "Standing", "Step", "Volume", "drift_of", "standing_of", "volume_of"]
