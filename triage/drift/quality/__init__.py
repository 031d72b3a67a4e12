"""Is the data broken? Faults in values, in units and names, and between served and recomputed rows."""
