"""The record: the ground floor. Imports nothing of ours but itself."""
