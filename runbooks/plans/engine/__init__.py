"""Computing for plans, on plain data: the field map and its differences, how a running plan goes on."""
