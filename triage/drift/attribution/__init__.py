"""Does it matter? Each change replayed through the model, and the drop shared out among them."""
