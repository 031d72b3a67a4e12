"""Prevention rules of an incident, carried out: proposed from its past, tested, written, and taken back."""
