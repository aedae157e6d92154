"""The words of a command line, whatever its commands are: read, mended, completed by shells, answered. Knows no command."""
