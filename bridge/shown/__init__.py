"""What a room shows of WhatsApp: Matrix events, HTML, sentences about a group; pure."""
