"""One file per arrow of the way from film to grid: here alone catalog and domain code meet."""
