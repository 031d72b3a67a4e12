"""How steps read the world through the ports: each window, series and profile once per run, with its source."""
