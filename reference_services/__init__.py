"""The reference platform's running services, on real parts."""
