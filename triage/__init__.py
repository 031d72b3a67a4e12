"""Why did this model get worse, and what is the safe next step?"""
