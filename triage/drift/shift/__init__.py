"""Did a feature move? Two windows compared from their profiles, calibrated by past healthy windows."""
