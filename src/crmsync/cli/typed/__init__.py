"""What can be typed, by what it is for. Each command is a thin call of `commands/<name>.py`, imported when it runs."""
