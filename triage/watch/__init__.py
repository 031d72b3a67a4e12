"""Looks at a model again and again: figures of its newest window, as series for Prometheus."""
