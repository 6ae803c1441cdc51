"""Plants each bug into a copy of the tree, and sees who objects."""
