"""Computing for the queue, on plain data: outcomes and moves, the breaker, the rate, the retry budget."""
