"""Runs the checks of this folder inside Rasa's environment (Python 3.10), where pytest is not."""

import sys
import unittest
from pathlib import Path

from bot.assistant.lean import leave_out_tensorflow

if __name__ == "__main__":
    leave_out_tensorflow()
    found = unittest.defaultTestLoader.discover(str(Path(__file__).parent), pattern=sys.argv[1])
    done = unittest.TextTestRunner(verbosity=2).run(found)
    sys.exit(0 if done.wasSuccessful() and done.testsRun else 1)
