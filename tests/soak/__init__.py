"""Load and faults for an hour, or for as long as is wanted: see README.md."""
