"""What WhatsApp says: its events, messages and groups, read into our dataclasses; pure."""
