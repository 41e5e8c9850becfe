"""What `daftar eval` measures: a folder of labelled chats, and one file for each kind of label."""
