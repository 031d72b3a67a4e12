"""Rung one of the ladder: is it the infrastructure? Pure: series in, verdicts out; nothing here does I/O.

`compare.judge` reads one signal, `burn.assess` the error budget, `explain.explain` gives the verdict for the rung,
`localise.rank` names the guilty service, `timeline` reads deploys and restarts out of series.
"""
