"""The tests of the package, against a real server: `make test-python` at the root of the repository runs them."""
