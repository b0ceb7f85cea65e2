"""The commands `plan` and `check-boot`, and what they print."""
