"""Laws of the statistics: coverage where the truth is known, and what follows by arithmetic."""
