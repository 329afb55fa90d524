"""How long a cluster may be silent before it is replaced: arithmetic alone, no clock, no process, no database.

A fixed limit would kill a cluster on an overloaded machine before its first beat, and its successor too, for ever.
"""

LONGEST_SECONDS = 600.0
FADES = 0.9  # a beat that came late is remembered, less so with each beat after it


class Patience:
    """Counts the silence of one cluster after another. `least` is the limit, in seconds, on a machine that keeps up."""

    def __init__(self, least: float) -> None:
        self.least, self.longest = least, max(least, LONGEST_SECONDS)
        self.limit = least
        self.silence = 0.0
        self._slowest = 0.0

    @property
    def has_ended(self) -> bool:
        return self.silence > self.limit

    def wait(self, seconds: float) -> None:
        """So long a beat was asked for and none came."""
        self.silence += seconds

    def answered(self) -> None:
        """A beat came back. The next ones may take twice as long as the slow ones of late."""
        self._slowest = max(self.silence, FADES * self._slowest)
        self.limit = min(max(self.least, 2 * self._slowest), self.longest)
        self.silence = 0.0

    def start(self) -> None:
        """A new cluster owes nothing yet."""
        self.silence = 0.0

    def give_up(self) -> None:
        """The cluster was too slow or hung: the next one is given twice as long for its first beat."""
        self.limit = min(2 * self.limit, self.longest)
