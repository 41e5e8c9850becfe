"""WhatsApp groups to Matrix rooms and back: the seven-step journey (docs/journey.md)."""
