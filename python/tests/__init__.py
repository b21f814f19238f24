"""The tests of the package, against a real server: `make test-python` at the root of the repository runs them."""

import faulthandler

# A test that hangs ends all of them, and shows where it hangs.
faulthandler.dump_traceback_later(300, exit=True)
