"""The exactly-once engine on Faust: chunks in, rows behind, outputs before state. It knows no customer."""
