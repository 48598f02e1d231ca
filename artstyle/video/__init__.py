"""Films in and out, by PyAV."""
