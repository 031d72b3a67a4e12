"""The same app in a browser."""
