"""Measurements behind `./kefu bench`."""
