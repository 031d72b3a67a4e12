"""Prevention rules from an incident: chosen from history, proven on it, written as configuration. Pure."""
