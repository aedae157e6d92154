"""What a user and a command line say to each other: words read, mended, completed by shells, answered. Knows no command."""
