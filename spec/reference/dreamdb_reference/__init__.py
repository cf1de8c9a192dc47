"""A second reader of the DreamDB format, written from `spec/` alone; it shares no code with the product."""
