"""WhatsApp's "Export chat": files as Android and iOS write them, read exactly and as a stream.

WhatsApp documents no format. What is known of it is in wording.yaml (the lines it writes itself)
and stamps.py (how a message begins); docs/exports.md tells how a file decides what is open.
"""
