"""A channel of any vendor that pushes by HTTP, told by a mapping file."""
