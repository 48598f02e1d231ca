"""Pages that people look at in their browser, served by this machine to itself alone."""
