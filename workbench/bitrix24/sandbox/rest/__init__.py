"""REST as the portal speaks it: requests, answers, the methods’ registry, limits, faults."""
