"""Laws of the vocabulary."""
