"""Pages made from records. Nothing here runs anything."""
