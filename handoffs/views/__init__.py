"""The pages of handoffs and rules."""
