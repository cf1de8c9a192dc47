"""The cases that the golden vectors are made of, one module for each part of the spec."""
