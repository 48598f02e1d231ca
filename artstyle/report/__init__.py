"""What people look at: contact sheets, plots, tables."""
