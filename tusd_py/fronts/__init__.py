"""Fronts: HTTP on one side, values on the other, nothing else."""
