"""What the room keeps: targets and the queue of what failed, plans, runbooks and what was done by them."""
