"""What must be there before anything starts, made step by step, each skipped when nothing changed."""
