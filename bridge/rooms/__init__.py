"""Groups and their rooms: which, where, under which name, with whom in them."""
