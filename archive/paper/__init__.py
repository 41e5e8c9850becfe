"""Cases on paper: the docket and formal letters as PDF, DOCX and JSON, for the bot and the pages.
"""
