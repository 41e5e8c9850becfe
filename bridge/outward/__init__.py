"""From the room to WhatsApp: steps 2 to 6 of the journey, and what leaves."""
