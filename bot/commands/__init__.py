"""One module a command of ./kefu. Heavy imports stay inside functions: `--help` answers at once."""
