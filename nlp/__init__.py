"""Reading: pure functions from text and context to findings. Nothing here waits or stores."""
