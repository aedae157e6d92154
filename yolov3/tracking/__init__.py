"""Who is who from frame to frame, and what passes a line or stays in a zone. Knows no detector and no files."""
