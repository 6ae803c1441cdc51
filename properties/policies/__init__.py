"""Laws of the policies, each said in the name of the test that holds them to it."""
