"""Pure numerics: no I/O, no clock, no global state."""
