"""The pure floor: values in, value out; no clock, no file, no socket, no randomness."""
