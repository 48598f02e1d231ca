"""Films, folders of pictures and sprites to aligned crops in the catalog."""
