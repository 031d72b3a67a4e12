"""Runs that start themselves: alerts come in over HTTP, are on disk before they are answered, and open incidents.

`intake` writes down what arrives, `reception` decides what becomes of each alert, `runs` works on the incidents,
`notifying` tells people, and `triggers` start what no alert asks for. Each can be killed at any instant.
"""
