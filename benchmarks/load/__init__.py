"""Benchmarks that send load: open and closed loops against running services."""
