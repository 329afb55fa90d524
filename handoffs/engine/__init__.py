"""Pure computing on values: the clock of a handoff, ladders, who takes over, what the events of a case mean."""
