"""The commands, one file each: parse arguments, call what does the work, print the result."""
