"""Profiles, tests, quality, skew, concept, attribution: arrays and frames in, frozen results out; no I/O."""
