"""The governance bot: reads commands in Matrix rooms, keeps cases, answers."""
