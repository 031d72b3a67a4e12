"""Why did this model get worse, and what is the safe next step?"""

__version__ = "0.1.0"
