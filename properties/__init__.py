"""Laws: what must hold for all inputs, histories and interleavings."""
