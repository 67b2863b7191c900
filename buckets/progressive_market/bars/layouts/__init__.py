"""How the columns, times and numbers of a file are understood."""
