"""The two widgets that every screen is made of."""
