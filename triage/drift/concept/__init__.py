"""Did the meaning change? Labels, errors at equal inputs, calibration, slices, seasons, and the champion replayed."""
