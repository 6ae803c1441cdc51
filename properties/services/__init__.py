"""Laws of the reference services, on real parts."""
