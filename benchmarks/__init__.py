"""How fast: micro-benchmarks, load, and the same work on other libraries."""
