"""The archive's pages: server-rendered, complete without JavaScript."""
