"""Traffic after the alert, simulated: visitors who meet the version that the router sends them to, on a made-up clock.

For rehearsals without a server. What decides is the product's own; what is decided about is made up here.
"""
