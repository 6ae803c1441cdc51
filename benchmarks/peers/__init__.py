"""The same work on other libraries, in the same run, so that only the ratio matters."""
