"""From WhatsApp into the room: steps 2 to 6 of the journey."""
