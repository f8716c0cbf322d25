"""What every front needs."""
