"""The commands, a family a file; vocabulary.py lists them all."""
