"""One file per arrow of the way from film to grid: the only place that joins catalog and domain code."""
